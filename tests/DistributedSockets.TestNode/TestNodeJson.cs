using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistributedSockets.TestNode;

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WhoAmI))]
[JsonSerializable(typeof(OnlineAnswer))]
[JsonSerializable(typeof(RouterCommand))]
[JsonSerializable(typeof(RouterOutcome))]
[JsonSerializable(typeof(HistoryAnswer))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(ClusterEvent[]))]
[JsonSerializable(typeof(NodeInfo))]
[JsonSerializable(typeof(NodeInfo[]))]
[JsonSerializable(typeof(List<Session>))]
[JsonSerializable(typeof(GroupPage))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(SortedDictionary<string, double>))]
internal sealed partial class TestNodeJson : JsonSerializerContext;
