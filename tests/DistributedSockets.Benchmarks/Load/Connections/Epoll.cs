using System.ComponentModel;
using System.Runtime.InteropServices;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>Tells which of many sockets can be read or written (Linux).</summary>
internal sealed class Epoll : IDisposable
{
    private const int Add = 1;
    private const int Delete = 2;
    private const int Modify = 3;
    private const uint Readable = 1;
    private const uint Writable = 4;
    private const int MaxEvents = 512;

    // The kernel packs the structure on x64 only.
    private static readonly int s_dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int s_eventBytes = s_dataOffset + sizeof(long);

    private readonly byte[] _events = new byte[MaxEvents * s_eventBytes];
    private readonly int _descriptor = Check(Libc.epoll_create1(0));

    public void Watch(int descriptor, int index) => Control(Add, descriptor, index, Readable);

    public void Change(int descriptor, int index, bool writable) => Control(Modify, descriptor, index, writable ? Readable | Writable : Readable);

    public void Forget(int descriptor) => Control(Delete, descriptor, 0, 0);

    /// <summary>Waits until something can be done, or the time is over.</summary>
    /// <returns>How many events there are for <see cref="Event"/>.</returns>
    public int Wait(TimeSpan timeout)
    {
        var ticks = Math.Max(0, timeout.Ticks);
        var time = new Libc.TimeSpec(ticks / TimeSpan.TicksPerSecond, ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
        var count = Libc.epoll_pwait2(_descriptor, ref _events[0], MaxEvents, in time, 0);
        return count >= 0 || Marshal.GetLastPInvokeError() != Libc.Interrupted ? Check(count) : 0;
    }

    /// <summary>Which socket it is, and what can be done. An error counts as readable: the read tells it.</summary>
    public (int Index, bool CanRead, bool CanWrite) Event(int number)
    {
        var bytes = _events.AsSpan(number * s_eventBytes, s_eventBytes);
        var events = MemoryMarshal.Read<uint>(bytes);
        return (MemoryMarshal.Read<int>(bytes[s_dataOffset..]), (events & ~Writable) != 0, (events & Writable) != 0);
    }

    public void Dispose() => Libc.close(_descriptor);

    private static int Check(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    private void Control(int operation, int descriptor, int index, uint events)
    {
        Span<byte> epollEvent = stackalloc byte[s_eventBytes];
        MemoryMarshal.Write(epollEvent, events);
        MemoryMarshal.Write(epollEvent[s_dataOffset..], index);
        Check(Libc.epoll_ctl(_descriptor, operation, descriptor, ref epollEvent[0]));
    }
}
