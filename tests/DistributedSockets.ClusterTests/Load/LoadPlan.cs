namespace DistributedSockets.ClusterTests;

/// <summary>Connections on two nodes, what they send, and who must get it: worked out without the library.</summary>
internal sealed class LoadPlan
{
    private readonly Dictionary<string, int[]> _users;
    private readonly Dictionary<string, int[]> _groups;
    private readonly int _clients;

    public LoadPlan(int clientsPerNode)
    {
        _clients = clientsPerNode * 2;
        Clients = [.. Enumerable.Range(0, _clients).Select(client => new LoadClient(client, client / clientsPerNode, User(client), Groups(client)))];
        _users = Index(static client => [client.User]);
        _groups = Index(static client => client.Groups);
    }

    /// <summary>All connections, those of the first node first.</summary>
    public IReadOnlyList<LoadClient> Clients { get; }

    /// <summary>Makes sends of every kind, the same ones for the same seed.</summary>
    /// <param name="connectionIds">The connection id of each client.</param>
    /// <param name="count">How many.</param>
    /// <param name="seed">Any number.</param>
    public List<LoadSend> Sends(string[] connectionIds, int count, int seed)
    {
        var random = new Random(seed);
        var users = _users.Keys.Order(StringComparer.Ordinal).ToArray();
        var groups = _groups.Keys.Order(StringComparer.Ordinal).ToArray();
        var sends = new List<LoadSend>(count);
        for (var i = 0; i < count; i++)
        {
            var sender = random.Next(_clients);
            var payload = $"{i}";
            sends.Add(random.Next(100) switch
            {
                0 => All(sender, payload),
                < 35 => ToUser(sender, users[random.Next(users.Length)], payload),
                < 60 => ToGroup(sender, groups[random.Next(groups.Length)], payload),
                < 80 => ToOthersInGroup(sender, groups[random.Next(groups.Length)], payload),
                _ => ToConnection(sender, connectionIds, random.Next(_clients), payload),
            });
        }

        return sends;
    }

    /// <summary>One more send from each node to every target there is: what was sent there before must have come before.</summary>
    public List<LoadSend> Fences(string[] connectionIds)
    {
        var fences = new List<LoadSend>();
        foreach (var sender in new[] { 0, _clients - 1 })
        {
            fences.Add(All(sender, "fence"));
            fences.AddRange(_users.Keys.Select(user => ToUser(sender, user, "fence")));
            fences.AddRange(_groups.Keys.Select(group => ToGroup(sender, group, "fence")));
            fences.AddRange(Enumerable.Range(0, _clients).Select(client => ToConnection(sender, connectionIds, client, "fence")));
        }

        return fences;
    }

    /// <summary>Users with connections on both nodes, on one node, and with a single one.</summary>
    private static string User(int client) => (client % 10) switch
    {
        < 6 => $"both{client % 60}",
        < 8 => $"one-node{client / 25}",
        _ => $"single{client}",
    };

    /// <summary>Groups across both nodes, on one node, and none.</summary>
    private static string[] Groups(int client) => (client % 5) switch
    {
        0 => [],
        1 => [$"near{client / 50}"],
        2 => [$"wide{client % 40}"],
        _ => [$"wide{client % 40}", $"wide{client % 37}-2", $"near{client / 50}"],
    };

    private LoadSend All(int sender, string payload) => new(sender, "all", $"B{payload}", payload, [.. Enumerable.Range(0, _clients)]);

    private LoadSend ToUser(int sender, string user, string payload) => new(sender, $"U{user}", $"U{user} {payload}", payload, _users[user]);

    private LoadSend ToGroup(int sender, string group, string payload) => new(sender, $"G{group}", $"G{group} {payload}", payload, _groups[group]);

    private LoadSend ToOthersInGroup(int sender, string group, string payload) =>
        new(sender, $"G{group}", $"X{group} {payload}", payload, [.. _groups[group].Where(client => client != sender)]);

    private static LoadSend ToConnection(int sender, string[] connectionIds, int client, string payload) =>
        new(sender, $"C{client}", $"C{connectionIds[client]} {payload}", payload, [client]);

    private Dictionary<string, int[]> Index(Func<LoadClient, string[]> names) => Clients
        .SelectMany(client => names(client).Select(name => (name, client.Index)))
        .GroupBy(static pair => pair.name, static pair => pair.Index, StringComparer.Ordinal)
        .ToDictionary(static index => index.Key, static index => index.ToArray(), StringComparer.Ordinal);
}
