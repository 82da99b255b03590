using System.Globalization;
using DistributedSockets.Benchmarks.Idle;
using DistributedSockets.Benchmarks.Log;
using DistributedSockets.Benchmarks.Micro;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Postgres;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.Benchmarks.Resume;
using DistributedSockets.Benchmarks.Routing;
using DistributedSockets.Benchmarks.Table;

const string usage = $"""
    DistributedSockets.Benchmarks VERB
    micro [BenchmarkDotNet options]
    {ConnectionsProgram.Usage}
    {LogProgram.Usage}
    {TableOptions.Usage}
    {PeersOptions.Usage}
    {PostgresProgram.Usage}
    {RecordsProgram.Usage}
    {ResumeProgram.Usage}
    {RoutingOptions.Usage}
    report [DIRECTORY]     writes the newest run of each scenario into docs/benchmarks.md and docs/scaling.md (artifacts/benchmarks)
    """;
try
{
    return args switch
    {
        ["micro", .. var rest] => MicroProgram.Run(rest),
        ["connections", .. var rest] => await ConnectionsProgram.RunAsync(rest),
        [ConnectionsProgram.NodeVerb, var kind, var count, var seconds] =>
            await ConnectionsProgram.RunNodeAsync(kind, int.Parse(count, CultureInfo.InvariantCulture), int.Parse(seconds, CultureInfo.InvariantCulture)),
        ["log", .. var rest] => await LogProgram.RunAsync(rest),
        ["report", .. var rest] => ReportProgram.Run(rest),
        ["table", .. var rest] => await TableProgram.RunAsync(rest),
        ["peers", .. var rest] => await PeersProgram.RunAsync(rest),
        ["postgres", .. var rest] => await PostgresProgram.RunAsync(rest),
        ["records", .. var rest] => await RecordsProgram.RunAsync(rest),
        ["resume", .. var rest] => await ResumeProgram.RunAsync(rest),
        ["routing", .. var rest] => await RoutingProgram.RunAsync(rest),
        [RoutingProgram.NodeVerb, var over, var endPoint, var strategy] => await RoutingNode.RunAsync(RoutingServer.Get(over), endPoint, strategy),
        _ => throw new FormatException("Which verb?"),
    };
}
catch (FormatException exception)
{
    await Console.Error.WriteLineAsync($"{exception.Message}{Environment.NewLine}{usage}");
    return 2;
}
