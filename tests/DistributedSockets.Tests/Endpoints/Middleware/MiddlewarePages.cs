using System.Net;
using System.Net.Sockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Localization;

namespace DistributedSockets.Tests;

/// <summary>What an app has besides its connections, and requests to it.</summary>
internal static class MiddlewarePages
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal static void Map(WebApplication app)
    {
        var count = 0;
        app.MapGet("/text", static () => "text");
        app.MapGet("/count", (HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "public, max-age=600";
            return $"{Interlocked.Increment(ref count)}";
        });
        app.MapGet("/hang", static (HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted));
        app.MapGet("/throw", static string () => throw new InvalidOperationException("thrown by a page"));
        app.MapGet("/culture", static (HttpContext context) => context.Features.Get<IRequestCultureFeature>() is null ? "not localized" : "localized");
        app.MapGet("/cookie", static (HttpContext context) => context.Response.Cookies.Append("a", "b"));
        app.MapPost("/length", static async (HttpContext context) =>
        {
            try
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body, context.RequestAborted);
                return Results.Text($"{body.Length}");
            }
            catch (BadHttpRequestException exception)
            {
                return Results.StatusCode(exception.StatusCode);
            }
        });
    }

    internal static async Task TimesOutAsync(AppNode node, HttpClient http) => Assert.Equal(HttpStatusCode.GatewayTimeout, await StatusAsync(http, "/hang"));

    /// <summary>Sends a body that stops, until the server has had enough of it.</summary>
    internal static async Task SlowBodyIsRefusedAsync(AppNode node, HttpClient http)
    {
        if (http.DefaultRequestVersion.Major == 1)
        {
            // The platform's client would go on sending for ever.
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(node.Address.Host, node.Address.Port, Cancellation);
            await tcp.GetStream().WriteAsync("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nx"u8.ToArray(), Cancellation);
            using var reader = new StreamReader(tcp.GetStream());
            Assert.StartsWith("HTTP/1.1 408 ", await reader.ReadLineAsync(Cancellation).AsTask().WithinGuardAsync());
            return;
        }

        // The connection's end reaches the platform's client at two places, the answer and the body, and either may be what it throws.
        using var content = new StalledContent();
        var thrown = await Record.ExceptionAsync(() => http.PostAsync("/length", content, Cancellation).WithinGuardAsync());
        Assert.True(thrown is HttpRequestException or OperationCanceledException, $"{thrown}");
        await Eventually.TrueAsync(
            () => node.Logs.GetSnapshot().Any(static record => record.Id.Name == "RequestBodyMinimumDataRateNotSatisfied"), "Kestrel refuses the body");
    }

    internal static async Task<HttpResponseMessage> SendAsync(HttpClient http, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Version = http.DefaultRequestVersion, VersionPolicy = http.DefaultVersionPolicy };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await http.SendAsync(request, Cancellation);
    }

    internal static async Task<HttpStatusCode> StatusAsync(HttpClient http, string path)
    {
        using var response = await http.GetAsync(path, Cancellation);
        return response.StatusCode;
    }

    internal static async Task<string> BodyAsync(HttpClient http, string path)
    {
        using var response = await http.GetAsync(path, Cancellation);
        return await response.Content.ReadAsStringAsync(Cancellation);
    }

    private sealed class StalledContent : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(new byte[1], cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 500;
            return true;
        }
    }
}
