using System.Globalization;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Postgres;

/// <summary>Measures the PostgreSQL backplane of <c>samples/CustomBackplane</c>: two nodes of this process over a server with Debian's settings.</summary>
internal static class PostgresProgram
{
    public const string Usage = """
        postgres [SECONDS]     the backplane of samples/CustomBackplane at several rates (10 s each, after 3 s that do not count)
        """;

    // At a rate per second, or as fast as it goes with so many on their way at once; one at a time is one transaction each.
    private static readonly (int Bytes, int Rate, int AtOnce)[] Loads =
    [
        (200, 100, 0), (200, 1_000, 0), (200, 5_000, 0), (200, 0, 1), (200, 0, 512),
        (20_480, 100, 0), (20_480, 1_000, 0), (20_480, 5_000, 0), (20_480, 0, 1), (20_480, 0, 512),
    ];

    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = args switch
        {
            [] => 10,
            [var text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 => number,
            _ => throw new FormatException("postgres takes a number of seconds."),
        };
        if (!PostgresServer.IsInstalled)
        {
            throw new FormatException("PostgreSQL is not installed on this machine.");
        }

        await using var server = new PostgresServer();
        foreach (var setting in (string[])["fsync=on", "shared_buffers=128MB"])
        {
            server.ExtraArguments.Add("-c");
            server.ExtraArguments.Add(setting);
        }

        await server.StartAsync();
        Console.WriteLine("| payload | offered | arrived | refused | median | 99 % | postgres CPU | two nodes' CPU |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var (bytes, rate, atOnce) in Loads)
        {
            await using var load = await PostgresLoad.StartAsync(server, bytes, rate, atOnce);
            await load.RunAsync(TimeSpan.FromSeconds(3));
            Console.WriteLine(await load.RunAsync(TimeSpan.FromSeconds(seconds)));
        }

        return 0;
    }
}
