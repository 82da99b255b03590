using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>Remembers which subjects the server refuses to take a publish for, within a bound.</summary>
/// <remarks>
/// The server says so in a message of its own. Over a connection of the app it is told beside the markers that confirm a publish, so the first
/// publish that is refused may be taken for confirmed; those that follow on the same subject wait for another marker.
/// </remarks>
internal sealed class NatsRefusals
{
    private const int MaxSubjects = 1_024;

    private readonly ConcurrentDictionary<string, Refusal> _refusals = new(StringComparer.Ordinal);
    private volatile bool _any;

    /// <summary>Notes a refusal.</summary>
    public void Add(string subject, string words)
    {
        if (_refusals.Count >= MaxSubjects)
        {
            _refusals.Clear();
        }

        _refusals.AddOrUpdate(
            subject,
            static (_, words) => new(1, words),
            static (_, known, words) => new(known.Count + 1, words),
            words);
        _any = true;
    }

    /// <summary>How often the server has refused a subject, and what it said last.</summary>
    public Refusal Of(string subject) => _any ? _refusals.GetValueOrDefault(subject) : default;

    /// <summary>Notes that a subject is taken again.</summary>
    public void Forget(string subject)
    {
        _refusals.TryRemove(subject, out _);
        _any = !_refusals.IsEmpty;
    }

    internal readonly record struct Refusal(int Count, string Words);
}
