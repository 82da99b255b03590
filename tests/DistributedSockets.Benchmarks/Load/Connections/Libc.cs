using System.Runtime.InteropServices;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>The system calls of the load client: a thread that waits for thousands of sockets at once costs least by them.</summary>
internal static partial class Libc
{
    public const int Again = 11;
    public const int Interrupted = 4;
    private const int DontWait = 0x40;
    private const int NoSignal = 0x4000;

    public static nint Receive(int descriptor, Span<byte> buffer) =>
        recv(descriptor, ref MemoryMarshal.GetReference(buffer), buffer.Length, DontWait);

    public static nint Send(int descriptor, ReadOnlySpan<byte> bytes) =>
        send(descriptor, in MemoryMarshal.GetReference(bytes), bytes.Length, DontWait | NoSignal);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int descriptor, ref byte epollEvent);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_pwait2(int epoll, ref byte events, int maxEvents, in TimeSpec timeout, nint signalMask);

    [LibraryImport("libc")]
    public static partial int close(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, ref byte buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, in byte bytes, nint length, int flags);

    [StructLayout(LayoutKind.Sequential)]
    public readonly struct TimeSpec(long seconds, long nanoseconds)
    {
        public readonly long Seconds = seconds;
        public readonly long Nanoseconds = nanoseconds;
    }
}
