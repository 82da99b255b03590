using System.Net;

namespace DistributedSockets.WebPubSub.Tests;

/// <summary>What the REST interface has answered.</summary>
internal sealed record RestAnswer(HttpStatusCode Status, string Body, string? ErrorCode)
{
    internal int Code => (int)Status;
}
