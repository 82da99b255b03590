namespace DistributedSockets;

/// <summary>What rosters are told of a subject.</summary>
/// <param name="Subject">The subject.</param>
/// <param name="IsPresent">Whether it is present.</param>
/// <param name="Version">The version of its record in which that stands.</param>
internal readonly record struct PresenceNews(PresenceSubject Subject, bool IsPresent, long Version);
