using Microsoft.AspNetCore.SignalR;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>The operations of the test node as hub methods.</summary>
internal sealed class PeerHub : Hub
{
    private const string Method = "m";

    public override async Task OnConnectedAsync()
    {
        var groups = Context.GetHttpContext()!.Request.Query["g"].ToString();
        foreach (var group in groups.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            await Groups.AddToGroupAsync(Context.ConnectionId, group);
        }
    }

    [HubMethodName("B")]
    public Task SendToAll(string payload) => Clients.All.SendAsync(Method, payload);

    [HubMethodName("U")]
    public Task SendToUser(string user, string payload) => Clients.User(user).SendAsync(Method, payload);

    [HubMethodName("G")]
    public Task SendToGroup(string group, string payload) => Clients.Group(group).SendAsync(Method, payload);

    [HubMethodName("E")]
    public Task Echo(string payload) => Clients.Caller.SendAsync(Method, payload);

    [HubMethodName("I")]
    public void Ignore(string payload) => _ = payload;
}
