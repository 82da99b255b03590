using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;

namespace DistributedSockets.Docs.Tests;

/// <summary>Somebody with a browser: requests and WebSockets share the cookies.</summary>
internal sealed class Visitor : IDisposable
{
    private readonly CookieContainer _cookies = new();

    public Visitor(string address)
    {
        Http = new(new SocketsHttpHandler { CookieContainer = _cookies, AllowAutoRedirect = false }) { BaseAddress = new(address) };
    }

    public HttpClient Http { get; }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Signs in at the address that README's example has for it.</summary>
    public async Task<Visitor> SignInAsync(string user)
    {
        using var answer = await Http.PostAsync($"/sign-in/{user}", null, Cancelled);
        answer.EnsureSuccessStatusCode();
        return this;
    }

    public async Task<ClientWebSocket> ConnectAsync(string path, Action<ClientWebSocketOptions>? configure = null)
    {
        var client = new ClientWebSocket();
        client.Options.Cookies = _cookies;
        client.Options.CollectHttpResponseDetails = true;
        configure?.Invoke(client.Options);
        try
        {
            await client.ConnectAsync(new(new UriBuilder(Http.BaseAddress!) { Scheme = "ws" }.Uri, path), Cancelled).WithinGuardAsync();
            return client;
        }
        catch (WebSocketException exception)
        {
            exception.Data["status"] = client.HttpStatusCode;
            client.Dispose();
            throw;
        }
    }

    public void Dispose() => Http.Dispose();
}
