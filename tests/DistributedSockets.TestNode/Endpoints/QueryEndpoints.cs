namespace DistributedSockets.TestNode;

/// <summary>What a test asks a node: its sessions and nodes, what it measured, what was reported to it.</summary>
internal static class QueryEndpoints
{
    public static void MapQueries(this IEndpointRouteBuilder app, ISessionDirectory directory, string hub)
    {
        app.MapGet("/sessions", (string? user, string? group, string? node, CancellationToken cancellationToken) =>
            AnswerAsync(async () => Results.Ok(await ListAsync(directory, hub, user, group, node, cancellationToken))));
        app.MapGet("/node", (NodeInfo node) => Results.Ok(node));
        app.MapGet("/nodes", (CancellationToken cancellationToken) =>
            AnswerAsync(async () => Results.Ok<NodeInfo[]>([.. await directory.ListNodesAsync(cancellationToken)])));
        app.MapGet("/online/{user}", (string user, CancellationToken cancellationToken) =>
            AnswerAsync(async () => Results.Ok(new OnlineAnswer(await directory.IsOnlineAsync(hub, user, cancellationToken)))));

        app.MapGet("/groups", (bool? largest, CancellationToken cancellationToken) => AnswerAsync(async () => Results.Ok(
            await directory.ListGroupsAsync(largest == true ? GroupQuery.Largest(hub) : GroupQuery.ByName(hub), cancellationToken: cancellationToken))));

        app.MapGet("/roster", async (IPresenceRoster<TestNodeHandler> roster, CancellationToken cancellationToken) =>
        {
            await roster.WaitUntilCurrentAsync(cancellationToken);
            return Results.Ok<string[]>([.. roster.ListUsers().Order(StringComparer.Ordinal)]);
        });
        app.MapGet("/gc", () => Results.Ok(GC.GetTotalMemory(forceFullCollection: true)));
        app.MapGet("/allocated", () => Results.Ok(GC.GetTotalAllocatedBytes(precise: true)));
        app.MapGet("/events", (ClusterEvents events) => Results.Ok(events.Last()));
        app.MapGet("/metrics", (ClusterEvents events, LibraryMetrics metrics) =>
        {
            var values = new SortedDictionary<string, double>(StringComparer.Ordinal);
            metrics.CopyTo(values);
            events.CopyCountsTo(values);
            return Results.Ok(values);
        });
        app.MapPost("/clock", (TimeSpan offset, JumpingClock clock) => clock.Jump(offset));
        app.MapPost("/command", async (RouterCommand command, IWebSocketRouterFactory routers, CancellationToken cancellationToken) =>
            Results.Ok(await command.RunAsync(routers, cancellationToken)));
    }

    private static async Task<List<Session>> ListAsync(
        ISessionDirectory directory, string hub, string? user, string? group, string? node, CancellationToken cancellationToken)
    {
        var sessions = new List<Session>();
        foreach (var query in await QueriesAsync(directory, hub, user, group, node, cancellationToken))
        {
            await foreach (var session in directory.ListAsync(query, cancellationToken))
            {
                sessions.Add(session);
            }
        }

        return sessions;
    }

    /// <summary>One query, or one for each node of that name: a node may be given by its id or its name.</summary>
    private static async ValueTask<IEnumerable<SessionQuery>> QueriesAsync(
        ISessionDirectory directory, string hub, string? user, string? group, string? node, CancellationToken cancellationToken)
    {
        if (!string.IsNullOrEmpty(user))
        {
            return [SessionQuery.ForUser(hub, user)];
        }

        if (!string.IsNullOrEmpty(group))
        {
            return [SessionQuery.ForGroup(hub, group)];
        }

        if (string.IsNullOrEmpty(node))
        {
            return [SessionQuery.ForHub(hub)];
        }

        var nodes = await directory.ListNodesAsync(cancellationToken);
        return nodes.Where(live => live.NodeId == node || live.Name == node).Select(live => SessionQuery.ForNode(live.NodeId, hub));
    }

    private static async Task<IResult> AnswerAsync(Func<Task<IResult>> answer)
    {
        try
        {
            return await answer();
        }
        catch (SessionStoreUnavailableException exception)
        {
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status503ServiceUnavailable, title: "The session store is away.");
        }
        catch (ArgumentException exception)
        {
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status400BadRequest, title: "The question cannot be.");
        }
    }
}
