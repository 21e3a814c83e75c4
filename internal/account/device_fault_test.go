package account

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The back end fails in each way: nothing is left, and the next try gets the
// same addresses with another device.
func TestBackEndFailsThenRetry(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   core.Kind
	}{
		"it refused":                   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, core.KindProvisioningRefused},
		"it acted, the answer is lost": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, core.KindProvisioningUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDeviceWorld(t, true)
			onlyDevices(w.gateway, test.answer)
			_, err := w.Create(t.Context(), demoApp(), 11)
			wantDeviceKind(t, err, test.want)
			w.wantRows(0)
			if got := w.list(demoApp(), 11); len(got) != 0 {
				t.Errorf("listed %q", got)
			}
			w.gateway.answers(yes)
			text := w.mustCreate(demoApp(), 11)
			if got, want := w.address(text), netip.MustParseAddr("10.0.128.2"); got != want {
				t.Errorf("address %v, want the same %v again", got, want)
			}
			told := w.gateway.told()
			if strings.Contains(strings.Join(told[1:], ""), `"event":"user"`) {
				t.Errorf("the network was not kept: %s", told)
			}
			lost, now := told[1], told[len(told)-1]
			// net/http itself sends again when a kept connection breaks: the same record.
			for _, again := range told[2 : len(told)-1] {
				if again != lost {
					t.Errorf("sent again as another record:\n%s\n%s", lost, again)
				}
			}
			if !strings.Contains(lost, `"10.0.128.2/32"`) || !strings.Contains(now, `"10.0.128.2/32"`) || !strings.Contains(now, text) || strings.Contains(lost, text) {
				t.Errorf("the retry is not a new device at the old address:\n%s\n%s", lost, now)
			}
		})
	}
}

func TestBackEndUnreachable(t *testing.T) {
	w := newDeviceWorld(t, true)
	w.gateway.Close()
	_, err := w.Create(t.Context(), demoApp(), 11)
	wantDeviceKind(t, err, core.KindProvisioningUnreachable)
	w.wantRows(0)
}

// A caller that goes away leaves nothing pending.
func TestCallerGoesAway(t *testing.T) {
	w := newDeviceWorld(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	onlyDevices(w.gateway, func(http.ResponseWriter, *http.Request) { cancel(); <-hold })
	_, err := w.Create(ctx, demoApp(), 11)
	wantDeviceKind(t, err, core.KindProvisioningUnreachable)
	w.wantRows(0)
}

// switched is a store whose updates fail while it is off, before or after the
// commit.
type switched struct {
	DeviceStore
	off, persists atomic.Bool
}

var errDisk = errors.New("the disk went away")

func (s *switched) Update(ctx context.Context, f func(store.SQL) error) error {
	off := s.off.Load()
	if off && !s.persists.Load() {
		return errDisk
	}
	err := s.DeviceStore.Update(ctx, f)
	if off && err == nil {
		err = errDisk
	}
	return err
}

// A crash between reservation and activation holds the addresses for 30 s.
func TestCrashWhilePending(t *testing.T) {
	w := newDeviceWorld(t, true)
	db := &switched{DeviceStore: w.db}
	onlyDevices(w.gateway, func(http.ResponseWriter, *http.Request) { db.off.Store(true) })
	if _, err := w.on(db).Create(t.Context(), demoApp(), 11); !errors.Is(err, errDisk) {
		t.Fatalf("error %v", err)
	}
	w.wantRows(1)
	if got := w.list(demoApp(), 11); len(got) != 0 {
		t.Errorf("a pending device is listed: %q", got)
	}
	w.gateway.answers(yes)
	w.seconds.Add(29)
	if got, want := w.address(w.mustCreate(demoApp(), 11)), netip.MustParseAddr("10.0.128.3"); got != want {
		t.Errorf("address %v while the lease runs, want %v", got, want)
	}
	w.seconds.Add(1)
	if got, want := w.address(w.mustCreate(demoApp(), 11)), netip.MustParseAddr("10.0.128.2"); got != want {
		t.Errorf("address %v after the lease, want %v back", got, want)
	}
	w.wantRows(2)
}

// The activation was committed but its answer lost: the device is there.
func TestActivationPersistedButFailed(t *testing.T) {
	w := newDeviceWorld(t, true)
	db := &switched{DeviceStore: w.db}
	db.persists.Store(true)
	onlyDevices(w.gateway, func(http.ResponseWriter, *http.Request) { db.off.Store(true) })
	_, err := w.on(db).Create(t.Context(), demoApp(), 11)
	wantDeviceKind(t, err, core.KindInternal)
	w.wantRows(1)
	if got := w.list(demoApp(), 11); len(got) != 1 {
		t.Errorf("listed %q, want the one device", got)
	}
}

// Without a back end there is one commit: it happened, or it did not.
func TestCommitFaultPair(t *testing.T) {
	for _, persists := range []bool{false, true} {
		w := newDeviceWorld(t, false)
		db := &switched{DeviceStore: w.db}
		db.off.Store(true)
		db.persists.Store(persists)
		_, err := w.on(db).Create(t.Context(), demoApp(), 11)
		wantDeviceKind(t, err, core.KindInternal)
		if persists {
			w.wantRows(1)
		} else {
			w.wantRows(0)
		}
		w.mustCreate(demoApp(), 11)
	}
}

// A node that was held up for longer than the lease must not activate.
func TestHeldUpPastTheLease(t *testing.T) {
	w := newDeviceWorld(t, true)
	first := true
	onlyDevices(w.gateway, func(http.ResponseWriter, *http.Request) {
		if !first {
			return
		}
		first = false
		w.seconds.Add(30)
		if _, err := w.Create(t.Context(), demoApp(), 11); err != nil {
			t.Error(err)
		}
	})
	_, err := w.Create(t.Context(), demoApp(), 11)
	wantDeviceKind(t, err, core.KindProvisioningUnreachable)
	w.wantRows(1)
}
