using NATS.Client.Core;

namespace DistributedSockets.Docs.Tests.Snippets.NatsInProduction;

internal static class NatsInProductionProgram
{
    public static void Tls(WebApplicationBuilder builder)
    {
        // snippet: nats-tls
        builder.Services.AddDistributedWebSockets().UseNats(new NatsOpts
        {
            Url = "tls://nats.example.com:4222",
            AuthOpts = new NatsAuthOpts { CredsFile = "/run/secrets/nats.creds" },
            TlsOpts = new NatsTlsOpts { Mode = TlsMode.Require, CaFile = "/etc/ssl/nats-ca.pem" },
        });
        // end-snippet
    }
}
