namespace DistributedSockets.TestNode;

/// <summary>How measurements of an instrument become one number.</summary>
internal enum MetricKind
{
    /// <summary>Changes, added up for ever.</summary>
    Sum,

    /// <summary>Values, counted and added up.</summary>
    Distribution,

    /// <summary>Whole values, asked for at each reading; those of one reading are added up over the tags.</summary>
    Observed,
}
