using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Clients come back to their sessions at a rate, and those who have to wait are told different times.</summary>
public sealed class ResumeAdmissionTests
{
    private const int PerSecond = 10;

    [Fact]
    public void Enter_MoreThanTheRate_LetsASecondsWorthInAndSpreadsTheOthersOverTheirTurns()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = services.GetRequiredService<IMeterFactory>();
        var time = new FakeTimeProvider();
        using var metrics = new DistributedWebSocketsMetrics(meters, time, new(NullLogger<DistributedWebSocketsMetrics>.Instance));
        using var counted = new MetricCollector<long>(meters, DistributedWebSocketsMetrics.MeterName, "distributed_sockets.resumes");
        var options = Options.Create(new DistributedWebSocketsOptions { MaxResumesPerSecond = PerSecond });
        using var follower = new SessionFollower(null!, null!, options, time, null!); // nobody reads
        var admission = new ResumeAdmission(follower, options, metrics, time);

        var refusals = Enumerable.Range(0, 210).Select(_ => admission.TryEnter()).ToList();

        Assert.All(refusals[..PerSecond], static refusal => Assert.Null(refusal));
        Assert.All(refusals[PerSecond..], static refusal => Assert.Equal((503, RefusalKind.MaxResumes), (refusal!.Value.StatusCode, refusal.Value.Kind)));
        var waits = refusals[PerSecond..].Select(static refusal => refusal!.Value.RetryAfter).ToList();
        Assert.All(waits, static wait => Assert.InRange(wait, 1, 60));
        Assert.All(waits[..PerSecond], static wait => Assert.InRange(wait, 1, 3));
        Assert.All(waits[^PerSecond..], static wait => Assert.InRange(wait, 20, 32)); // the last of twenty seconds' worth
        Assert.Equal(200, counted.GetMeasurementSnapshot().EvaluateAsCounter());
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(admission.TryEnter());
    }
}
