using System.Globalization;

namespace DistributedSockets;

/// <summary>The stream of one epoch, and how far this node knows it to have come.</summary>
/// <remarks>
/// Its first message is the mark of its beginning, so the entry with offset 1 has sequence 2. An entry of one target has <c>t.KIND.NAME</c> as the
/// end of its subject, so that the server keeps as many of each target as it must. An entry of several targets, of which the server cannot
/// know, has <c>l.WRITER.NUMBER</c>, with a new number before the server would remove any: it goes by age alone.
/// </remarks>
internal sealed class NatsLogStream(long epoch, string name, string subjects)
{
    /// <summary>The sequence of the entry with offset 1.</summary>
    public const long FirstEntry = 2;

    private const string TargetPrefix = "t.";
    private const string ListPrefix = "l.";

    private readonly string _writer = Guid.NewGuid().ToString("N")[..12];
    private long _lists;
    private long _known;

    public long Epoch => epoch;

    public string Name => name;

    public string Subjects => subjects + ">";

    /// <summary>The subject of the stream's first message.</summary>
    public string Begin => subjects + "begin";

    /// <summary>The subject of the message that proves that the stream has lost others.</summary>
    public string Lost => subjects + "lost";

    /// <summary>The largest sequence that the stream is known to have reached.</summary>
    public long Known => Volatile.Read(ref _known);

    public void Learn(long sequence)
    {
        for (var known = Known; known < sequence;)
        {
            var before = Interlocked.CompareExchange(ref _known, sequence, known);
            if (before == known)
            {
                return;
            }

            known = before;
        }
    }

    /// <summary>The subject of the entries of a target.</summary>
    public string SubjectOf(LogTarget target) => subjects + KeyOf(target);

    /// <summary>A subject for one more entry of several targets.</summary>
    /// <param name="perSubject">How many the server keeps of a subject.</param>
    public string NextListSubject(int perSubject) =>
        string.Create(CultureInfo.InvariantCulture, $"{subjects}{ListPrefix}{_writer}.{(Interlocked.Increment(ref _lists) - 1) / perSubject}");

    /// <summary>Under what an entry stands: the <see cref="KeyOf(LogTarget)"/> of its target, or something else if it has several.</summary>
    public ReadOnlySpan<char> KeyOf(string subject) => subject.StartsWith(subjects, StringComparison.Ordinal) ? subject.AsSpan(subjects.Length) : default;

    /// <summary>What an entry of one target stands under.</summary>
    public static string KeyOf(LogTarget target) => target.Kind switch
    {
        WebSocketTargetKind.Connections => $"{TargetPrefix}c.{NatsKeyToken.Encode(target.Name)}",
        WebSocketTargetKind.Users => $"{TargetPrefix}u.{NatsKeyToken.Encode(target.Name)}",
        WebSocketTargetKind.Groups => $"{TargetPrefix}g.{NatsKeyToken.Encode(target.Name)}",
        _ => TargetPrefix + "a",
    };

    /// <summary>Whether this is the key of entries of several targets.</summary>
    public static bool IsList(ReadOnlySpan<char> key) => key.StartsWith(ListPrefix, StringComparison.Ordinal);

    /// <summary>Whether a message is a mark rather than an entry.</summary>
    public bool IsMark(string subject, long sequence) => sequence < FirstEntry || KeyOf(subject) is "begin" or "lost";
}
