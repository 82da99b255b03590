namespace DistributedSockets.WebPubSub;

/// <summary>What the data of a message is.</summary>
public enum WebPubSubDataType
{
    /// <summary>Text.</summary>
    Text = 0,

    /// <summary>One JSON value, as it was written.</summary>
    Json = 1,

    /// <summary>Bytes.</summary>
    Binary = 2,

    /// <summary>A message of Protocol Buffers in a serialized <c>google.protobuf.Any</c>.</summary>
    Protobuf = 3,
}
