using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using DistributedSockets.Tests.Shared;

namespace DistributedSockets.ClusterTests;

/// <summary>A process of our own: its output is kept, and it never outlives the test run.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 60;
    private const string Unobserved = "Unobserved exception: "; // how a test node tells of one

    private static readonly ConcurrentDictionary<int, ChildProcess> Living = new();

    private readonly Process _process;
    private readonly string _name;
    private readonly Queue<string> _output = new();
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task _ended;

    static ChildProcess() => AppDomain.CurrentDomain.ProcessExit += static (_, _) =>
    {
        foreach (var child in Living.Values)
        {
            child.Kill();
        }
    };

    private ChildProcess(Process process, string name)
    {
        _process = process;
        _name = name;
        Id = process.Id;
        Living[Id] = this;
        _ended = RunAsync();
    }

    public int Id { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>The lines of standard output.</summary>
    public ChannelReader<string> Lines => _lines.Reader;

    public StreamWriter Input => _process.StandardInput;

    public static ChildProcess Start(
        string name, string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? directory = null)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = directory ?? AppContext.BaseDirectory,
        };
        foreach (var (key, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }

        return new(Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start."), name);
    }

    /// <summary>The end of what each living process has printed.</summary>
    public static string OutputOfAll() => string.Join(Environment.NewLine, Living.Values.OrderBy(child => child.Id).Select(child => child.Output()));

    public string Output()
    {
        lock (_output)
        {
            return string.Join(Environment.NewLine, _output.Prepend($"--- {_name}, process {Id}:"));
        }
    }

    /// <summary>Gets the first line of output that a condition picks.</summary>
    /// <exception cref="InvalidOperationException">The process ended before.</exception>
    public async Task<string> LineAsync(Func<string, bool> isWanted)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync())
        {
            if (isWanted(line))
            {
                return line;
            }
        }

        throw new InvalidOperationException($"The process ended too early.{Environment.NewLine}{Output()}");
    }

    /// <summary>Ends the process at once, as <c>kill -9</c> does.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: false);
        }
    }

    public void Signal(Signal signal) => Signals.Send(Id, signal);

    /// <summary>Waits for the end, and gives the exit code.</summary>
    public async Task<int> ExitAsync()
    {
        await _ended.Guarded($"the end of {_name}");
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await _ended;
        _process.Dispose();
    }

    private async Task RunAsync()
    {
        await Task.WhenAll(
            ReadAsync(_process.StandardOutput, Take),
            ReadAsync(_process.StandardError, static _ => { }),
            _process.WaitForExitAsync());
        Living.TryRemove(Id, out _);
        _lines.Writer.TryComplete();
    }

    private void Take(string line)
    {
        if (line.StartsWith(Unobserved, StringComparison.Ordinal))
        {
            UnobservedExceptions.Add($"{_name}: {line}");
        }

        _lines.Writer.TryWrite(line);
    }

    private async Task ReadAsync(StreamReader reader, Action<string> take)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_output)
            {
                _output.Enqueue(line);
                if (_output.Count > KeptLines)
                {
                    _output.Dequeue();
                }
            }

            take(line);
        }
    }
}
