-- Tunnel networks and their peers, and the devices that the peers belong to.
-- Keys are sealed; a public key is no secret. Instants and 0 as in 0001.

-- What the numbers of networks mean. It is written with the first network and
-- never changed: other pools would give every peer another address.
CREATE TABLE tunnel_pool (
    id            BIGINT PRIMARY KEY CHECK (id = 1),
    ipv4          TEXT COLLATE "C" NOT NULL, -- first address
    ipv4_bits     BIGINT NOT NULL, -- prefix length of one network
    ipv6          TEXT COLLATE "C" NOT NULL, -- first address
    test_networks BIGINT NOT NULL  -- numbers 1 to this are for test users
);

-- A number that is leased (lease_until > 0) comes back when the lease lapsed
-- and no user refers to it; one that is kept (0) is some user's for ever.
CREATE TABLE tunnel_network (
    number      BIGINT PRIMARY KEY,
    user_id     BIGINT NOT NULL, -- for whom it was leased
    lease_until BIGINT NOT NULL
);

CREATE UNIQUE INDEX tunnel_network_lease ON tunnel_network (user_id) WHERE lease_until > 0;
CREATE INDEX tunnel_network_lapsed ON tunnel_network (lease_until) WHERE lease_until > 0;

-- Two users never share a network, whoever writes users.network.
CREATE UNIQUE INDEX users_network ON users (network) WHERE network <> 0;

CREATE TABLE tunnel_peer (
    device        BIGINT PRIMARY KEY,
    network       BIGINT NOT NULL,
    host          BIGINT NOT NULL, -- its addresses are the network's first ones plus this
    public_key    BYTEA NOT NULL,
    private_key   BYTEA, -- sealed; NULL once handed out and forgotten
    preshared_key BYTEA NOT NULL, -- sealed
    UNIQUE (network, host)
);

-- A device is pending while lease_until > 0: reserved, but the provisioning
-- back end has not agreed yet.
CREATE TABLE device (
    id          BIGINT PRIMARY KEY,
    tenant      BIGINT NOT NULL,
    app         BIGINT NOT NULL,
    user_id     BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    deleted     BIGINT NOT NULL
);

CREATE INDEX device_user ON device (user_id, app);

-- Device ids that were issued elsewhere, verbatim.
CREATE TABLE device_alias (
    text   TEXT COLLATE "C" PRIMARY KEY,
    device BIGINT NOT NULL UNIQUE
);
