namespace DistributedSockets;

/// <summary>A marker on its way through Redis and back.</summary>
internal sealed class RedisProof
{
    private readonly TaskCompletionSource<bool> _returned = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public byte[] Marker { get; } = Guid.NewGuid().ToByteArray();

    /// <summary>Whether it came back; <see langword="false"/> if the connection was lost meanwhile.</summary>
    public Task<bool> Returned => _returned.Task;

    public void Receive(ReadOnlySpan<byte> payload)
    {
        if (payload.SequenceEqual(Marker))
        {
            _returned.TrySetResult(true);
        }
    }

    public void Fail() => _returned.TrySetResult(false);
}
