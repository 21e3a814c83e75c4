// Package providertest is the suite that every provider.Provider passes,
// written against the interface alone. An implementation brings a Harness: how
// to make the provider together with a carrier that can be scripted. The suite
// knows no protocol.
//
//	Run(t, harness) ─▶ harness.New(t, sink, Options) ─▶ Rig{Provider, Carrier}
//	                ─▶ Carrier.Script, Drop, SetUp ─▶ Provider.Submit ─▶ outcomes
//	                ─▶ Carrier.Report ─▶ sink.Receipt ─▶ ack ─▶ Carrier.Reported
package providertest
