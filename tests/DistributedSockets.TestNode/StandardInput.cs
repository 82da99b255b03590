namespace DistributedSockets.TestNode;

/// <summary>Stops the node when whoever started it is gone: its end of the pipe closes however it dies.</summary>
internal static class StandardInput
{
    /// <summary>Calls back when standard input has ended.</summary>
    /// <remarks>On a thread of its own: a read of the console cannot be cancelled, and must not hold up the end of the process.</remarks>
    public static void WhenClosed(Action closed)
    {
        var thread = new Thread(() =>
        {
            Console.OpenStandardInput().CopyTo(Stream.Null);
            closed();
        })
        {
            IsBackground = true,
            Name = "standard input",
        };
        thread.Start();
    }
}
