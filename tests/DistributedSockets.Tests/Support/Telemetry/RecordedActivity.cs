using System.Diagnostics;

namespace DistributedSockets.Tests;

/// <summary>An activity as of an app that traces, and the listener that has it made. The current one until it is disposed of.</summary>
internal sealed class RecordedActivity : IDisposable
{
    private readonly ActivitySource _source = new(Guid.NewGuid().ToString());
    private readonly ActivityListener _listener;
    private readonly Activity _activity;

    internal RecordedActivity(string? state = null, bool isRecorded = true)
    {
        _listener = new()
        {
            ShouldListenTo = source => ReferenceEquals(source, _source),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => isRecorded ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.PropagationData,
        };
        ActivitySource.AddActivityListener(_listener);
        _activity = _source.StartActivity("a test") ?? throw new InvalidOperationException("The listener was not asked.");
        _activity.TraceStateString = state;
    }

    internal ActivityContext Context => _activity.Context;

    /// <summary>Asserts that an envelope carries this activity's context.</summary>
    internal void AssertIn(byte[] envelope)
    {
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(envelope, EnvelopeKnowledge.Current, out var read));
        Assert.True(read.TryGetTraceContext(out var context));
        Assert.Equal((Context.TraceId, Context.SpanId, Context.TraceFlags, Context.TraceState), (context.TraceId, context.SpanId, context.TraceFlags, context.TraceState));
        Assert.True(context.IsRemote);
    }

    public void Dispose()
    {
        _activity.Dispose();
        _source.Dispose();
        _listener.Dispose();
    }
}
