using System.Text;

namespace DistributedSockets;

/// <summary>What a server says when permissions forbid a subscription or a publish, which ends nothing else.</summary>
/// <param name="Subject">The subject, whoever uses it: the backplane, the client itself or the app.</param>
/// <param name="IsSubscription">Whether it is about a subscription, rather than a publish.</param>
internal readonly record struct NatsViolation(string Subject, bool IsSubscription)
{
    private const string Subscription = "Permissions Violation for Subscription to \"";
    private const string Publish = "Permissions Violation for Publish to \"";
    private const string Reply = "Permissions Violation for Publish with Reply of \"";

    public static NatsViolation? Of(string error) =>
        Quoted(error, Subscription) is { } subscribed ? new(subscribed, IsSubscription: true)
        : (Quoted(error, Publish) ?? Quoted(error, Reply)) is { } published ? new(published, IsSubscription: false)
        : null;

    /// <summary>Reads a text in quotes, in which quotes and backslashes are escaped by backslashes.</summary>
    private static string? Quoted(string error, string beginning)
    {
        if (!error.StartsWith(beginning, StringComparison.Ordinal))
        {
            return null;
        }

        var text = new StringBuilder(error.Length - beginning.Length);
        for (var i = beginning.Length; i < error.Length && error[i] != '"'; i++)
        {
            i += error[i] == '\\' && i + 1 < error.Length ? 1 : 0;
            text.Append(error[i]);
        }

        return text.ToString();
    }
}
