using System.ComponentModel;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>A program in one file of C, which the machine's own compiler builds when it is wanted.</summary>
internal sealed class NativeProgram
{
    private static readonly string[] s_compilers = ["cc", "gcc", "clang"];

    private readonly string _source;

    private NativeProgram(string source)
    {
        _source = source;
        Path = System.IO.Path.Combine(Repository.Artifacts, "native", System.IO.Path.GetFileNameWithoutExtension(source));
    }

    /// <summary>The server that shows what a node can cost at least.</summary>
    public static NativeProgram Server { get; } = new(System.IO.Path.Combine(Repository.Tests, "DistributedSockets.Benchmarks.Peers", "Native", "epoll-server.c"));

    /// <summary>The load client that shares no code with the one in this process.</summary>
    public static NativeProgram LoadClient { get; } = new(System.IO.Path.Combine(Repository.Tests, "DistributedSockets.Benchmarks", "Load", "Native", "load-client.c"));

    /// <summary>Where the program is once it is built.</summary>
    public string Path { get; }

    /// <summary>Builds it, unless that has been done since its source changed.</summary>
    /// <returns>Null, or why it cannot be run here.</returns>
    /// <exception cref="InvalidOperationException">The compiler refuses the source.</exception>
    public async Task<string?> BuildAsync()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "epoll is there on Linux only";
        }

        if (File.Exists(Path) && File.GetLastWriteTimeUtc(Path) > File.GetLastWriteTimeUtc(_source))
        {
            return null;
        }

        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        foreach (var compiler in s_compilers)
        {
            try
            {
                await Repository.RunAsync(Repository.Root, compiler, "-O2", "-Wall", "-o", Path, _source);
                return null;
            }
            catch (Win32Exception)
            {
                // This compiler is not installed; the next may be.
            }
        }

        return $"no C compiler was found ({string.Join(", ", s_compilers)})";
    }
}
