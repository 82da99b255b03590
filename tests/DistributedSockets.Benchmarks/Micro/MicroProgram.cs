using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>The verb <c>micro</c>: single steps of a message's way, without sockets.</summary>
internal static class MicroProgram
{
    public static int Run(string[] args)
    {
        // In this process, since BenchmarkDotNet's own projects would not find the repository's package versions.
        var job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
        var config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .HideColumns("Error", "Gen0", "Gen1", "Gen2", "Job", "Toolchain", "IterationCount", "LaunchCount", "WarmupCount")
            .AddLogger(ConsoleLogger.Default)
            .AddExporter(MarkdownExporter.GitHub)
            .WithArtifactsPath(Path.Combine(Repository.Artifacts, "micro"))
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.JoinSummary);
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(MicroProgram).Assembly).Run(args.Length > 0 ? args : ["--filter", "*"], config);
        return summaries.Any() && summaries.All(static summary => summary.Reports.All(static report => report.Success)) ? 0 : 1;
    }
}
