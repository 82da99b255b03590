using System.Text.Json;
using System.Text.Json.Serialization;

namespace Push.Web;

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Notification))]
[JsonSerializable(typeof(Hello))]
internal sealed partial class PushJson : JsonSerializerContext;

/// <summary>The first message to a page: who it listens as, and where.</summary>
internal sealed record Hello(string User, string Node);
