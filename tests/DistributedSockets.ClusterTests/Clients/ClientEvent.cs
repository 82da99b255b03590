namespace DistributedSockets.ClusterTests;

/// <summary>Something that happened to a client.</summary>
/// <param name="Kind"><c>text</c>, <c>binary</c>, <c>ping</c>, <c>pong</c>, <c>close</c> or <c>error</c>.</param>
/// <param name="Text">The message or control payload, the reason of a close, or the error.</param>
/// <param name="Code">The code of a close; 1005 for none, 1006 for no close frame at all.</param>
/// <param name="Data">The bytes of a binary message.</param>
internal sealed record ClientEvent(string Kind, string Text = "", int Code = 0, byte[]? Data = null);
