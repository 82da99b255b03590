using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>Gives a new connection what its token and the app say: user, groups and permissions. One that comes back has what its session has.</summary>
internal sealed class ClientConnectionFilter(IClientEvents events, IOptionsMonitor<HubOptions> hubs) : IConnectionFilter
{
    private const int MaxUserIdBytes = 256;

    public async ValueTask OnConnectingAsync(ConnectingContext context, CancellationToken cancellationToken)
    {
        var features = context.HttpContext.Features;
        var identity = features.Get<ClientIdentity>();
        features.Set<ClientIdentity>(null); // or it would live as long as the connection
        context.UserId = null; // whom the app itself has authenticated does not count here
        if (identity is null)
        {
            return;
        }

        var token = identity.Token;
        var handshake = new ClientHandshake(context, token?.Claims ?? [])
        {
            UserId = token?.Subject,
            Roles = [.. token?.Roles ?? []],
            Groups = [.. token?.Groups ?? []],
        };
        await events.OnConnectingAsync(handshake, cancellationToken);
        if (!context.IsRefused && Problem(context, handshake) is { } problem)
        {
            context.Refuse(StatusCodes.Status400BadRequest, problem);
        }
    }

    private string? Problem(ConnectingContext context, ClientHandshake handshake)
    {
        if (handshake.UserId is { Length: > 0 } userId)
        {
            if (Encoding.UTF8.GetByteCount(userId) > MaxUserIdBytes)
            {
                return $"The user id has more than {MaxUserIdBytes} bytes of UTF-8.";
            }

            context.UserId = userId;
        }

        var maxGroups = hubs.Get(context.Hub).MaxGroupsPerConnection;
        if (handshake.Groups.Count > maxGroups)
        {
            return $"The token names {handshake.Groups.Count} groups, and a connection may be in {maxGroups}.";
        }

        foreach (var group in handshake.Groups)
        {
            if (!GroupNames.IsValid(group))
            {
                return "The token names a group that cannot be: a name has 1 to 1,024 characters, not all of them white space.";
            }

            context.Groups.Add(GroupNames.ToCore(group));
        }

        foreach (var (name, value) in handshake.Properties)
        {
            context.Properties[name] = value;
        }

        return ClientPermissions.FromRoles(handshake.Roles).TryWriteTo(context.Properties)
            ? null
            : "The token has more roles than a connection can keep. Use a pattern, such as webpubsub.sendToGroups.room.*, or fewer groups.";
    }
}
