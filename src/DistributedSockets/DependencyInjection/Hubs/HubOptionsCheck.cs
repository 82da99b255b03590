using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Checks at start the options of all hubs that this process knows or that its configuration names.</summary>
internal sealed partial class HubOptionsCheck(
    Hubs hubs, HubNames names, IOptionsMonitor<HubOptions> options, IEnumerable<HubRegistration> registrations, IConfiguration? configuration, FailSafeLogger<HubOptionsCheck> logger)
{
    internal const string Section = "Hubs";

    private static readonly string s_path = new OptionsSection<HubOptions>(Section, isPerName: true).Path;

    /// <summary>Checks them all, and warns of a section whose hub nobody here has to do with.</summary>
    /// <exception cref="InvalidOperationException">Two handlers have one hub.</exception>
    /// <exception cref="OptionsValidationException">The options of a hub cannot be used. All that is wrong is told at once.</exception>
    internal void Run()
    {
        var failures = new List<string>();
        foreach (var registration in registrations)
        {
            if (registration.Handler is { } handler)
            {
                names.Of(handler); // warns of a name that a class has lent
                if (handler.IsAssignableTo(typeof(WebSocketHandler)))
                {
                    hubs.Claim(registration.Hub, handler);
                }
            }
        }

        var known = new SortedSet<string>(registrations.Select(static registration => registration.Hub).Concat(hubs.All.Select(static hub => hub.Name)), StringComparer.Ordinal);
        foreach (var hub in known)
        {
            Check(hub, failures);
        }

        foreach (var section in configuration?.GetSection(s_path).GetChildren() ?? [])
        {
            var hub = section.Key.ToLowerInvariant();
            if (!HubName.IsValid(hub))
            {
                failures.Add($"{s_path} holds a section whose name, of {hub.Length} characters, no hub can have. Use {HubName.FormInWords}.");
            }
            else if (!known.Contains(hub))
            {
                Check(hub, failures);
                Log.SectionUnused(logger, s_path, hub, string.Join(", ", known));
            }
        }

        if (failures.Count > 0)
        {
            throw new OptionsValidationException(Section, typeof(HubOptions), failures.Distinct());
        }
    }

    private void Check(string hub, List<string> failures)
    {
        try
        {
            _ = options.Get(hub);
        }
        catch (OptionsValidationException exception)
        {
            failures.AddRange(exception.Failures);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(211, LogLevel.Warning, "{Section}:{Hub} sets options of a hub that this process neither maps nor adds, and to which it has no router so far. Its hubs are: {Hubs}. If that is meant, call AddHub(\"{Hub}\"); if not, mend the name.")]
        public static partial void SectionUnused(ILogger logger, string section, string hub, string hubs);
    }
}
