using System.Globalization;

namespace DistributedSockets;

/// <summary>How the log of a hub is named in JetStream: a stream for each epoch, <c>PREFIX_log-HUB-EPOCH</c>, of the subjects <c>PREFIX_log.v1.HUB.EPOCH.&gt;</c>.</summary>
/// <remarks>
/// Each has <c>PREFIX_log.v1.HUB.only</c> besides, to which nobody publishes: a server lets one stream have a subject, so of several nodes that
/// begin the log of a hub at once one succeeds. Names of hubs are <see cref="NatsKeyToken"/>s.
/// </remarks>
internal sealed class NatsLogNames
{
    private readonly string _streams;
    private readonly string _subjects;

    public NatsLogNames(string prefix, string hub)
    {
        var (root, token) = (RootOf(prefix), NatsKeyToken.Encode(hub));
        _streams = $"{root}-{token}-";
        _subjects = $"{root}.v1.{token}.";
    }

    /// <summary>The subjects of all epochs.</summary>
    public string AllSubjects => _subjects + ">";

    /// <summary>The subject that only one stream can have.</summary>
    public string OnlySubject => _subjects + "only";

    /// <summary>What all names of a cluster begin with.</summary>
    public static string RootOf(string prefix) => NatsSessionKeys.BucketName(prefix) + "_log";

    /// <summary>The subjects of all hubs of a cluster.</summary>
    public static string SubjectsOf(string prefix) => RootOf(prefix) + ".>";

    /// <summary>The stream of an epoch.</summary>
    public NatsLogStream Stream(long epoch) => new(
        epoch, _streams + epoch.ToString(CultureInfo.InvariantCulture), $"{_subjects}{epoch.ToString(CultureInfo.InvariantCulture)}.");

    /// <summary>The epoch of a stream; null for a stream of something else.</summary>
    public long? EpochOf(string stream) =>
        stream.StartsWith(_streams, StringComparison.Ordinal)
        && long.TryParse(stream.AsSpan(_streams.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
        && epoch > 0
            ? epoch
            : null;
}
