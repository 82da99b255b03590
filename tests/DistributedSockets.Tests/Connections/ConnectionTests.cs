using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace DistributedSockets.Tests;

public sealed class ConnectionTests
{
    [Fact]
    public async Task Close_SocketFailsInAnUnforeseenWay_IsLoggedAndTheConnectionIsCut()
    {
        await using var node = await AppNode.StartAsync();
        var aborted = new TaskCompletionSource();
        var lifetime = new Mock<IHttpRequestLifetimeFeature>();
        lifetime.Setup(feature => feature.Abort()).Callback(aborted.SetResult);
        var context = new DefaultHttpContext();
        context.Features.Set(lifetime.Object);
        var socket = new Mock<WebSocket>();
        socket.Setup(s => s.CloseOutputAsync(It.IsAny<WebSocketCloseStatus>(), It.IsAny<string>(), It.IsAny<CancellationToken>())).Throws(new NotSupportedException("unforeseen"));
        var connection = new Connection(context, socket.Object, null, "h", null, node.Services.GetRequiredService<ConnectionServices>());

        await connection.CloseAsync(cancellationToken: TestContext.Current.CancellationToken);

        await aborted.Task.WithinGuardAsync();
        Assert.Equal("unforeseen", Assert.Single(node.Logs.GetSnapshot(), record => record.Id.Id == 107).Exception?.Message);
        Assert.Equal(DisconnectKind.ClosedByServer, connection.Reason?.Kind);
    }
}
