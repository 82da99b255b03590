using System.Text.Json.Serialization;

namespace DistributedSockets;

[JsonSerializable(typeof(RedisSessionRecord))]
[JsonSerializable(typeof(RedisNodeRecord))]
internal sealed partial class RedisSessionJson : JsonSerializerContext;
