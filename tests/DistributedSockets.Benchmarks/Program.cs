using DistributedSockets.Benchmarks.Peers;

const string usage = $"""
    DistributedSockets.Benchmarks VERB
    {PeersOptions.Usage}
    """;
try
{
    return args switch
    {
        ["peers", .. var rest] => await PeersProgram.RunAsync(rest),
        _ => throw new FormatException("Which verb?"),
    };
}
catch (FormatException exception)
{
    await Console.Error.WriteLineAsync($"{exception.Message}{Environment.NewLine}{usage}");
    return 2;
}
