# The commands that the README names. What they need beyond Go, git and make is
# installed by scripts/setup.sh on a Debian machine.

.PHONY: build dev test bench bench-delivery soak lint fuzz setup clean

build:
	go build -o bin/yanma ./cmd/yanma

dev:
	go run ./cmd/yanma dev

# Everything that must hold before a change lands; under 15 minutes on two cores.
test:
	./scripts/test.sh

# What needs longer.
soak:
	./scripts/soak.sh

# Ratios of one run on one machine, into bench/results/.
bench:
	go run ./bench run

# Messages beside Kannel's bearerbox and smsbox, on one sink, in turns.
bench-delivery: setup
	go run ./bench run -only delivery

lint: setup
	./scripts/lint.sh

setup:
	./scripts/setup.sh

clean:
	rm -rf bin .cache test/interop/smpp/node_modules test/browser/npm/node_modules
