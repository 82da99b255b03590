namespace DistributedSockets;

/// <summary>How the records of a hub's sessions are named in JetStream: the stream <c>PREFIX_log-HUB-records</c>, with a subject <c>PREFIX_log.records.HUB.SESSION</c> for each session.</summary>
/// <remarks>Beside the subjects of the entries, so that whoever may use the log may use these. Names of hubs and sessions are <see cref="NatsKeyToken"/>s.</remarks>
internal sealed class NatsRecordNames(string prefix, string hub)
{
    private readonly string _subjects = $"{NatsLogNames.RootOf(prefix)}.records.{NatsKeyToken.Encode(hub)}.";

    /// <summary>The stream; no epoch of a log has a name like it.</summary>
    public string Stream { get; } = $"{NatsLogNames.RootOf(prefix)}-{NatsKeyToken.Encode(hub)}-records";

    /// <summary>The subjects of all sessions.</summary>
    public string Subjects => _subjects + ">";

    /// <summary>The subject of a session.</summary>
    public string SubjectOf(string sessionId) => _subjects + NatsKeyToken.Encode(sessionId);
}
