using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using DistributedSockets.WebPubSub.Tests.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.WebPubSub.Tests;

/// <summary>Two nodes with clients and a third one without, which answers the REST interface for them.</summary>
public class RestCluster : IAsyncLifetime
{
    internal const string Key = "a key of more than sixteen bytes";
    internal const string OtherKey = "the second key, for its rotation";

    private readonly InMemoryCluster _cluster = new();
    private readonly List<WebApplication> _apps = [];
    private readonly HttpClient _http = new();

    /// <summary>The node that is asked, which has no clients.</summary>
    internal Uri Api => Address(2);

    public virtual async ValueTask InitializeAsync()
    {
        for (var i = 0; i < 3; i++)
        {
            var builder = WebApplication.CreateEmptyBuilder(new());
            builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
            builder.Services.AddRoutingCore();
            builder.Logging.SetMinimumLevel(LogLevel.None);
            UseTransport(builder.Services.AddDistributedWebSockets().AddWebPubSub(static options =>
            {
                (options.AccessKey, options.SecondaryAccessKey) = (Key, OtherKey);
                foreach (var hub in new[] { "Chat", "all", "close", "many" })
                {
                    options.Hubs.Add(hub);
                }
            }));
            var app = builder.Build();
            app.UseRouting();
            app.MapWebPubSub();
            await app.StartAsync(TestContext.Current.CancellationToken);
            _apps.Add(app);
        }
    }

    public virtual async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var app in _apps)
        {
            await app.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    internal Uri Address(int node) => new(_apps[node].Urls.Single());

    /// <summary>Connects a client, which gets what is sent and says nothing: at the first node of a plain subprotocol, at the second of a reliable one.</summary>
    internal Task<RestClient> ConnectAsync(int node, string hub = "chat", string? user = null, string[]? roles = null)
    {
        var claims = new JsonObject { ["aud"] = $"http://{Address(node).Authority}/client/hubs/{hub}" };
        if (user is not null)
        {
            claims["sub"] = user;
        }

        if (roles is not null)
        {
            claims["role"] = new JsonArray([.. roles.Select(static role => JsonValue.Create(role))]);
        }

        return RestClient.ConnectAsync(
            new Uri($"ws://{Address(node).Authority}/client/hubs/{hub}?access_token={TestTokens.Sign(claims, Key)}"),
            node == 0 ? "json.webpubsub.azure.v1" : "json.reliable.webpubsub.azure.v1");
    }

    /// <summary>Sends a request as the server SDKs do: its token is for its URL with the query.</summary>
    internal async Task<RestAnswer> SendAsync(string method, string path, HttpContent? body = null, string? token = "", Action<HttpRequestMessage>? change = null)
    {
        var url = new Uri(Api, path);
        using var request = new HttpRequestMessage(new(method), url) { Content = body };
        if (token is not null)
        {
            request.Headers.Authorization = new("Bearer", token.Length > 0 ? token : Token(url.AbsoluteUri));
        }

        change?.Invoke(request);
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return new(
            response.StatusCode,
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            response.Headers.TryGetValues("x-ms-error-code", out var codes) ? codes.Single() : null);
    }

    internal static string Token(string audience, string key = Key, TimeSpan? lifetime = null, string algorithm = "HS256")
    {
        var expires = (TimeProvider.System.GetUtcNow() + (lifetime ?? TimeSpan.FromHours(1))).ToUnixTimeSeconds();
        return TestTokens.Sign(new() { ["aud"] = audience, ["exp"] = expires }, key, algorithm);
    }

    internal static StringContent Text(string text, string type = "text/plain") => new(text, Encoding.UTF8, type);

    internal static ByteArrayContent Bytes(byte[] bytes, string? type = "application/octet-stream")
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        return content;
    }

    private protected virtual void UseTransport(IDistributedWebSocketsBuilder builder) => builder.UseInMemory(_cluster);
}
