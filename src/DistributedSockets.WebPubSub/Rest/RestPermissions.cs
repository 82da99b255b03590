namespace DistributedSockets.WebPubSub;

/// <summary>Grants and revokes what a connection is allowed to do. It stands in the properties of its session, and so survives recovery.</summary>
internal static class RestPermissions
{
    private const int MaxTries = 100;

    internal static async Task ChangeAsync(RestCall call, ClientPermission permission, string connectionId, bool isGrant)
    {
        var group = Group(call);
        for (var tries = 0; tries < MaxTries; tries++)
        {
            var known = await FindAsync(call, connectionId);
            if (known is null)
            {
                if (isGrant)
                {
                    throw RestException.NotFound("The hub has no such connection. It may have ended.", "connectionId");
                }

                call.Answer(204);
                return;
            }

            var permissions = ClientPermissions.FromProperties(known);
            var properties = new Dictionary<string, string>(known, StringComparer.Ordinal);
            if (!(isGrant ? permissions.With(permission, group) : permissions.Without(permission, group)).TryWriteTo(properties) || properties.Count > SessionProperties.MaxCount)
            {
                throw RestException.BadRequest("The connection has as many permissions as it has room for. Grant one for all groups instead.", "targetName");
            }

            if (await TrySetAsync(call, connectionId, known, properties))
            {
                call.Answer(isGrant ? 200 : 204);
                return;
            }
        }

        throw RestException.Unavailable();
    }

    /// <summary>Tells whether a connection has a permission, by a role or a grant.</summary>
    internal static async Task FindAsync(RestCall call, ClientPermission permission, string connectionId) =>
        call.Answer(await FindAsync(call, connectionId) is { } properties && ClientPermissions.FromProperties(properties).Has(permission, Group(call)) ? 200 : 404);

    /// <exception cref="RestException">There is no such permission.</exception>
    internal static ClientPermission Parse(string permission) =>
        permission.Equals("sendToGroup", StringComparison.OrdinalIgnoreCase) ? ClientPermission.SendToGroup
        : permission.Equals("joinLeaveGroup", StringComparison.OrdinalIgnoreCase) ? ClientPermission.JoinLeaveGroup
        : throw RestException.BadRequest("The permissions are sendToGroup and joinLeaveGroup.", "permission");

    private static string? Group(RestCall call)
    {
        if (call.Value("targetName") is not { } group)
        {
            return null;
        }

        RestNames.Group(group, "targetName");
        return group;
    }

    private static async ValueTask<IReadOnlyDictionary<string, string>?> FindAsync(RestCall call, string connectionId) =>
        RestNames.CanBeConnection(connectionId) ? await call.Router.FindPropertiesAsync(connectionId, call.Cancellation) : null;

    private static async ValueTask<bool> TrySetAsync(RestCall call, string connectionId, IReadOnlyDictionary<string, string> known, Dictionary<string, string> properties)
    {
        try
        {
            return await call.Router.TrySetPropertiesAsync(connectionId, known, properties, call.Cancellation);
        }
        catch (ConnectionNotFoundException)
        {
            return false; // looked for once more
        }
    }
}
