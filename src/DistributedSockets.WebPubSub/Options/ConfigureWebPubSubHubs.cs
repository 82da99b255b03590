using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>Makes of each hub that is named in the options one that its clients can use: everything is logged, and sessions can be resumed.</summary>
internal sealed class ConfigureWebPubSubHubs(IOptions<WebPubSubOptions> options) : IConfigureNamedOptions<HubOptions>
{
    private const int EntriesPerUnacknowledged = 10;
    private const int MaxEntries = 1_000_000;

    private static readonly RecipientFilters s_filters = new();

    public void Configure(HubOptions hub)
    {
    }

    public void Configure(string? name, HubOptions hub)
    {
        if (name is null || !options.Value.Hubs.Any(served => WebPubSubHub.Fold(served) == name))
        {
            return;
        }

        hub.EnableResume = true;
        hub.LoggedGroups.Clear();
        hub.LoggedGroups.Add("*");
        hub.LogUsers = true;
        hub.LogAll = true;
        hub.MaxMessageBytes = options.Value.MaxMessageBytes;
        hub.MaxUnacknowledgedMessages = options.Value.MaxUnacknowledgedMessages;
        hub.MaxUnacknowledgedBytes = options.Value.MaxUnacknowledgedBytes;
        hub.LogMaxEntriesPerTarget = Math.Max(hub.LogMaxEntriesPerTarget, Math.Min(MaxEntries, EntriesPerUnacknowledged * options.Value.MaxUnacknowledgedMessages)); // a record may be behind by as many as half of what is under way
        hub.RecipientFilters = s_filters;
        hub.ResumeWindow = options.Value.RecoveryWindow;
        if (hub.LogMaxAge < hub.ResumeWindow)
        {
            hub.LogMaxAge = hub.ResumeWindow;
        }

        // The token in the URL is the credential, which no browser sends by itself.
        hub.AllowedOrigins.Clear();
        hub.AllowedOrigins.Add("*");
        hub.ConnectionFilterTimeout = options.Value.HandlerTimeout; // handlers of the app run in the filter
        hub.AddConnectionFilter<ClientConnectionFilter>();
        foreach (var protocol in ClientProtocols.All)
        {
            hub.Protocols.Add(protocol);
        }
    }
}
