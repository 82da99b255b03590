using System.ComponentModel;
using System.Runtime.InteropServices;

namespace DistributedSockets.ClusterTests;

/// <summary>Sends signals, which .NET itself cannot.</summary>
internal static class Signals
{
    public static void Send(int processId, Signal signal)
    {
        var isMac = OperatingSystem.IsMacOS();
        var number = signal switch
        {
            Signal.Terminate => 15,
            Signal.Freeze => isMac ? 17 : 19,
            _ => isMac ? 19 : 18,
        };
        if (Kill(processId, number) != 0)
        {
            throw new Win32Exception();
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int processId, int signal);
}
