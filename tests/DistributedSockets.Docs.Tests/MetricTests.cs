using System.Diagnostics.Metrics;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests;

/// <summary>Holds the instruments of <c>docs/metrics-and-logs.md</c> against those of a running node.</summary>
public sealed class MetricTests
{
    private const string Page = "docs/metrics-and-logs.md";

    [Fact]
    public async Task Page_Instruments_AreThoseOfARunningNode()
    {
        var published = new List<(string Name, string Kind, string? Unit)>();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDistributedWebSockets();
        using var host = builder.Build();
        var factory = host.Services.GetRequiredService<IMeterFactory>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == "DistributedSockets" && ReferenceEquals(instrument.Meter.Scope, factory))
                {
                    published.Add((instrument.Name, Kind(instrument), instrument.Unit));
                }
            },
        };
        listener.Start();
        await host.StartAsync(TestContext.Current.CancellationToken);

        var table = MarkdownTable.In(Repository.Read(Page)).Single(table => table.Columns is ["instrument", "kind", "unit", "tags", "what it counts"]);
        var onPage = table.Rows.Select(row => (MarkdownTable.Plain(row[0]), row[1], (string?)MarkdownTable.Plain(row[2])));
        Assert.Equal(published.Order(), onPage.Order());
    }

    [Fact]
    public void Page_TagsOfInstruments_AreAllExplained()
    {
        var tables = MarkdownTable.In(Repository.Read(Page));
        var used = tables.Single(table => table.Columns.Contains("tags")).Rows.SelectMany(row => row[3].Split(", ", StringSplitOptions.RemoveEmptyEntries))
            .Select(MarkdownTable.Plain).Distinct();
        var explained = tables.Single(table => table.Columns is ["tag", "values"]).Rows.Select(row => MarkdownTable.Plain(row[0].Split(" of ")[0])).Distinct();

        Assert.Equal(used.Order(), explained.Order());
    }

    private static string Kind(Instrument instrument) => instrument switch
    {
        Counter<long> => "counter",
        UpDownCounter<long> => "up-down counter",
        Histogram<double> => "histogram",
        ObservableUpDownCounter<long> => "observable up-down counter",
        _ => instrument.GetType().Name,
    };
}
