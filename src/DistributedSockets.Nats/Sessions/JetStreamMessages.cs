using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>What JetStream answers, as far as it is of interest here. Each answer has some of it.</summary>
internal sealed record JetStreamAnswer
{
    public JetStreamError? Error { get; init; }

    [JsonPropertyName("seq")]
    public ulong Sequence { get; init; }

    public long Total { get; init; }

    public JetStreamConfig? Config { get; init; }

    public JetStreamState? State { get; init; }

    public JetStreamStored? Message { get; init; }

    public bool Duplicate { get; init; }

    public string[]? Streams { get; init; }

    public string? Name { get; init; }
}

internal sealed record JetStreamError
{
    public const int NoMessage = 10037;
    public const int NoSequence = 10043;
    public const int DeleteFailed = 10057;
    public const int NameInUse = 10058;
    public const int NoStream = 10059;
    public const int SubjectsOverlap = 10065;
    public const int WrongLastSequence = 10071;

    [JsonPropertyName("err_code")]
    public int Code { get; init; }

    public string? Description { get; init; }
}

internal sealed record JetStreamState
{
    public long Messages { get; init; }

    [JsonPropertyName("first_seq")]
    public ulong FirstSequence { get; init; }

    [JsonPropertyName("last_seq")]
    public ulong LastSequence { get; init; }

    public Dictionary<string, ulong>? Subjects { get; init; }
}

internal sealed record JetStreamStored
{
    public string? Subject { get; init; }

    [JsonPropertyName("seq")]
    public ulong Sequence { get; init; }

    public byte[]? Data { get; init; }

    public DateTimeOffset Time { get; init; }
}

/// <summary>The settings of a stream; its other ones are the server's defaults.</summary>
internal sealed record JetStreamConfig
{
    public string? Name { get; init; }

    public string[]? Subjects { get; init; }

    [JsonPropertyName("max_msgs_per_subject")]
    public long MaxPerSubject { get; init; }

    [JsonPropertyName("max_age")]
    public long MaxAge { get; init; }

    /// <summary>For how long the ids of messages are known, in nanoseconds; null for what the server thinks best.</summary>
    [JsonPropertyName("duplicate_window")]
    public long? DuplicateWindow { get; init; }

    [JsonPropertyName("max_msgs")]
    public long MaxMessages { get; init; } = -1;

    [JsonPropertyName("max_bytes")]
    public long MaxBytes { get; init; } = -1;

    [JsonPropertyName("max_msg_size")]
    public long MaxMessageSize { get; init; } = -1;

    [JsonPropertyName("max_consumers")]
    public long MaxConsumers { get; init; } = -1;

    public string? Retention { get; init; }

    public string? Discard { get; init; }

    public string? Storage { get; init; }

    [JsonPropertyName("num_replicas")]
    public int Replicas { get; init; }

    [JsonPropertyName("allow_direct")]
    public bool AllowDirect { get; init; }

    [JsonPropertyName("allow_rollup_hdrs")]
    public bool AllowRollup { get; init; }

    [JsonPropertyName("deny_delete")]
    public bool DenyDelete { get; init; }

    [JsonPropertyName("deny_purge")]
    public bool DenyPurge { get; init; }
}

/// <summary>What is asked of a stream. Each question has some of it.</summary>
internal sealed record JetStreamQuestion
{
    [JsonPropertyName("subjects_filter")]
    public string? SubjectsFilter { get; init; }

    [JsonPropertyName("offset")]
    public long? Offset { get; init; }

    [JsonPropertyName("last_by_subj")]
    public string? LastBySubject { get; init; }

    [JsonPropertyName("filter")]
    public string? Filter { get; init; }

    [JsonPropertyName("seq")]
    public ulong? Sequence { get; init; }

    [JsonPropertyName("no_erase")]
    public bool? NoErase { get; init; }

    [JsonPropertyName("next_by_subj")]
    public string? NextBySubject { get; init; }

    public string? Subject { get; init; }

    public int? Batch { get; init; }

    [JsonPropertyName("no_wait")]
    public bool? NoWait { get; init; }

    [JsonPropertyName("max_bytes")]
    public long? MaxBytes { get; init; }
}

/// <summary>Asks for a consumer of a stream.</summary>
internal sealed record JetStreamConsumerQuestion
{
    [JsonPropertyName("stream_name")]
    public required string Stream { get; init; }

    public required JetStreamConsumerConfig Config { get; init; }
}

/// <summary>The settings of a consumer that lives in memory and is not answered.</summary>
internal sealed record JetStreamConsumerConfig
{
    [JsonPropertyName("deliver_subject")]
    public string? DeliverSubject { get; init; }

    [JsonPropertyName("deliver_policy")]
    public string DeliverPolicy { get; init; } = "by_start_sequence";

    [JsonPropertyName("opt_start_seq")]
    public required ulong StartSequence { get; init; }

    [JsonPropertyName("ack_policy")]
    public string AckPolicy { get; init; } = "none";

    [JsonPropertyName("replay_policy")]
    public string ReplayPolicy { get; init; } = "instant";

    [JsonPropertyName("flow_control")]
    public bool? FlowControl { get; init; }

    [JsonPropertyName("idle_heartbeat")]
    public long? IdleHeartbeat { get; init; }

    [JsonPropertyName("inactive_threshold")]
    public required long InactiveThreshold { get; init; }

    [JsonPropertyName("mem_storage")]
    public bool MemoryStorage { get; init; } = true;

    [JsonPropertyName("num_replicas")]
    public int Replicas { get; init; } = 1;
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JetStreamAnswer))]
[JsonSerializable(typeof(JetStreamConfig))]
[JsonSerializable(typeof(JetStreamQuestion))]
[JsonSerializable(typeof(JetStreamConsumerQuestion))]
internal sealed partial class JetStreamJson : JsonSerializerContext;
