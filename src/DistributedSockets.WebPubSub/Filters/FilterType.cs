namespace DistributedSockets.WebPubSub;

/// <summary>What a part of a filter is, known before anything is evaluated. Each but the last may turn out to be null.</summary>
internal enum FilterType
{
    /// <summary>The literal <c>null</c>, which stands for a value of any type.</summary>
    Null,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A string.</summary>
    String,

    /// <summary>The groups of a connection.</summary>
    Groups,
}
