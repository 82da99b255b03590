using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat;

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ChatCommand.Say))]
[JsonSerializable(typeof(ChatCommand.Direct), TypeInfoPropertyName = "DirectCommand")]
[JsonSerializable(typeof(ChatCommand.Join))]
[JsonSerializable(typeof(ChatCommand.Leave))]
[JsonSerializable(typeof(ChatCommand.Any))]
[JsonSerializable(typeof(ChatEvent))]
internal sealed partial class ChatJson : JsonSerializerContext;
