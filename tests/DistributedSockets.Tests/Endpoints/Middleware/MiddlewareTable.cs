using System.IO.Compression;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Threading.RateLimiting;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.CookiePolicy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.HttpLogging;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Rewrite;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Options;

using static DistributedSockets.Tests.MiddlewarePages;

namespace DistributedSockets.Tests;

/// <summary>All middleware of ASP.NET Core 10 that can stand in front of an endpoint.</summary>
internal static class MiddlewareTable
{
    internal static Dictionary<string, MiddlewareRow> Rows { get; } = new()
    {
        ["none"] = new() { Check = static async (_, http) => Assert.Equal("text", await http.GetStringAsync("/text", Cancellation)) },
        ["output caching"] = new()
        {
            Services = static services => services.AddOutputCache(static cache => cache.AddBasePolicy(static policy => policy.Cache())),
            Use = static app => app.UseOutputCache(),
            Check = static async (_, http) => Assert.Equal(await http.GetStringAsync("/count", Cancellation), await http.GetStringAsync("/count", Cancellation)),
        },
        ["response caching"] = new()
        {
            Services = static services => services.AddResponseCaching(),
            Use = static app => app.UseResponseCaching(),
            Check = static async (_, http) => Assert.Equal(await http.GetStringAsync("/count", Cancellation), await http.GetStringAsync("/count", Cancellation)),
        },
        ["request timeouts"] = new()
        {
            Services = static services => AddTimeouts(services, TimeSpan.FromMilliseconds(100)),
            Use = static app => app.UseRequestTimeouts(),
            Outlast = TimesOutAsync,
            Check = TimesOutAsync,
        },
        ["request timeouts before routing"] = new()
        {
            Services = static services => AddTimeouts(services, TimeSpan.FromSeconds(2)), // the handshake itself must be answered by then
            Front = static app => app.UseRequestTimeouts(),
            Outlast = TimesOutAsync,
            Check = static async (_, http) => Assert.Equal("text", await http.GetStringAsync("/text", Cancellation)),
        },
        ["response compression"] = new()
        {
            Services = static services => services.AddResponseCompression(),
            Use = static app => app.UseResponseCompression(),
            Headers = { ["Accept-Encoding"] = "gzip, br" },
            Check = static async (_, http) =>
            {
                using var response = await SendAsync(http, "/text", ("Accept-Encoding", "gzip"));
                Assert.Equal(["gzip"], response.Content.Headers.ContentEncoding);
            },
        },
        ["request decompression"] = new()
        {
            Services = static services => services.AddRequestDecompression(),
            Use = static app => app.UseRequestDecompression(),
            Check = static async (_, http) =>
            {
                using var compressed = new MemoryStream();
                await using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
                {
                    await gzip.WriteAsync(new byte[5_000], Cancellation);
                }

                using var content = new ByteArrayContent(compressed.ToArray());
                content.Headers.ContentEncoding.Add("gzip");
                using var response = await http.PostAsync("/length", content, Cancellation);
                Assert.Equal("5000", await response.Content.ReadAsStringAsync(Cancellation));
            },
        },
        ["HTTP logging"] = new()
        {
            Services = static services => services.AddHttpLogging(static logging => logging.LoggingFields = HttpLoggingFields.All),
            Use = static app => app.UseHttpLogging(),
            Check = static async (node, http) =>
            {
                using var response = await http.PostAsync("/length", new StringContent("logged body"), Cancellation);
                await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(static record => record.Message.Contains("logged body", StringComparison.Ordinal)), "the body is logged");
            },
        },
        ["W3C logging"] = new()
        {
            Services = static services => services.AddW3CLogging(static logging =>
            {
                logging.LogDirectory = Directory.CreateTempSubdirectory("w3c-").FullName;
                logging.FlushInterval = TimeSpan.FromMilliseconds(10);
            }),
            Use = static app => app.UseW3CLogging(),
            Check = static async (node, http) =>
            {
                await http.GetStringAsync("/text", Cancellation);
                var directory = node.Services.GetRequiredService<IOptionsMonitor<W3CLoggerOptions>>().CurrentValue.LogDirectory;
                await Eventually.TrueAsync(
                    () => Directory.GetFiles(directory).Any(static file => ReadShared(file).Contains("/text", StringComparison.Ordinal)), "the request is logged");
            },
        },
        ["static files"] = new()
        {
            Use = static app => app.UseStaticFiles(new StaticFileOptions { FileProvider = Files("chat", "page.txt"), ServeUnknownFileTypes = true }),
            Check = static async (_, http) => Assert.Equal("file", await http.GetStringAsync("/page.txt", Cancellation)),
        },
        ["file server with default files and a directory browser"] = new()
        {
            Services = static services => services.AddDirectoryBrowser(),
            Use = static app => app.UseFileServer(new FileServerOptions { FileProvider = Files("index.html"), EnableDirectoryBrowsing = true }),
            Check = static async (_, http) => Assert.Equal("file", await http.GetStringAsync("/", Cancellation)),
        },
        ["status code pages"] = new()
        {
            Use = static app => app.UseStatusCodePages(),
            Check = static async (_, http) => Assert.Contains("404", await BodyAsync(http, "/missing")),
        },
        ["status code pages with re-execution"] = new()
        {
            Use = static app => app.UseStatusCodePagesWithReExecute("/text"),
            Check = static async (_, http) => Assert.Equal("text", await BodyAsync(http, "/missing")),
        },
        ["status code pages with redirects"] = new()
        {
            Use = static app => app.UseStatusCodePagesWithRedirects("/text"),
            Check = static async (_, http) => Assert.Equal(HttpStatusCode.Redirect, await StatusAsync(http, "/missing")),
        },
        ["exception handler"] = new()
        {
            Use = static app => app.UseExceptionHandler(static branch => branch.Run(static context => context.Response.WriteAsync("handled"))),
            Check = static async (_, http) => Assert.Equal("handled", await BodyAsync(http, "/throw")),
        },
        ["developer exception page"] = new()
        {
            Use = static app => app.UseDeveloperExceptionPage(),
            Check = static async (_, http) => Assert.Contains("thrown by a page", await BodyAsync(http, "/throw")),
        },
        ["CORS"] = new()
        {
            Services = static services => services.AddCors(static cors => cors.AddDefaultPolicy(static policy => policy.WithOrigins("https://partner.example"))),
            Use = static app => app.UseCors(),
            Check = static async (_, http) =>
            {
                using var response = await SendAsync(http, "/text", ("Origin", "https://partner.example"));
                Assert.Equal(["https://partner.example"], response.Headers.GetValues("Access-Control-Allow-Origin"));
            },
        },
        ["rate limiting"] = new()
        {
            Services = static services => services.AddRateLimiter(static limiter => limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(
                static _ => RateLimitPartition.GetFixedWindowLimiter("all", static _ => new() { PermitLimit = 3, Window = TimeSpan.FromHours(1) }))),
            Use = static app => app.UseRateLimiter(),
            Check = static async (_, http) =>
            {
                Assert.Equal("text", await http.GetStringAsync("/text", Cancellation)); // after two connections
                Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(http, "/text"));
            },
        },
        ["host filtering"] = new()
        {
            Services = static services => services.AddHostFiltering(static hosts => hosts.AllowedHosts = ["127.0.0.1"]),
            Front = static app => app.UseHostFiltering(),
            Check = static async (_, http) =>
            {
                using var response = await SendAsync(http, "/text", ("Host", "evil.example"));
                Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            },
        },
        ["forwarded headers, HTTPS redirection and HSTS"] = new()
        {
            Services = static services => services.AddHttpsRedirection(static redirection => redirection.HttpsPort = 443),
            Front = static app =>
            {
                app.UseForwardedHeaders(new() { ForwardedHeaders = ForwardedHeaders.All });
                app.UseHsts();
                app.UseHttpsRedirection();
            },
            Headers =
            {
                ["X-Forwarded-Proto"] = "https", ["X-Forwarded-Host"] = "app.example", ["X-Forwarded-For"] = "192.0.2.7", ["Origin"] = "https://app.example",
            },
            Outlast = static (node, _) =>
            {
                Assert.All(node.Probe.Connections.Values, static connection => Assert.Equal("192.0.2.7", connection.RemoteIpAddress?.ToString()));
                return Task.CompletedTask;
            },
            Check = static async (_, http) =>
            {
                Assert.Equal(HttpStatusCode.TemporaryRedirect, await StatusAsync(http, "/text"));
                using var response = await SendAsync(http, "/text", ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "app.example"), ("X-Forwarded-For", "192.0.2.7"));
                Assert.True(response.Headers.Contains("Strict-Transport-Security"));
            },
        },
        ["cookie policy"] = new()
        {
            Use = static app => app.UseCookiePolicy(new() { HttpOnly = HttpOnlyPolicy.Always }),
            Check = static async (_, http) => Assert.Contains("httponly", (await SendAsync(http, "/cookie")).Headers.GetValues("Set-Cookie").Single()),
        },
        ["session"] = new()
        {
            Services = static services => services.AddDistributedMemoryCache().AddSession(),
            Use = static app =>
            {
                app.UseSession();
                app.MapGet("/visits", static (HttpContext context) =>
                {
                    var visits = (context.Session.GetInt32("visits") ?? 0) + 1;
                    context.Session.SetInt32("visits", visits);
                    return $"{visits}";
                });
            },
            Check = static async (_, http) =>
            {
                using var first = await SendAsync(http, "/visits");
                using var second = await SendAsync(http, "/visits", ("Cookie", first.Headers.GetValues("Set-Cookie").Single().Split(';')[0]));
                Assert.Equal("2", await second.Content.ReadAsStringAsync(Cancellation));
            },
        },
        ["antiforgery"] = new()
        {
            Services = static services => services.AddAntiforgery(),
            Use = static app =>
            {
                app.UseAntiforgery();
                app.MapPost("/form", static ([FromForm] string field) => field);
            },
            Check = static async (_, http) =>
            {
                using var response = await http.PostAsync("/form", new FormUrlEncodedContent([new("field", "x")]), Cancellation);
                Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            },
        },
        ["authorization for everything"] = new()
        {
            Services = static services =>
            {
                services.AddAuthentication("header").AddScheme<Microsoft.AspNetCore.Authentication.AuthenticationSchemeOptions, HeaderAuthentication>("header", null);
                services.AddAuthorizationBuilder().SetFallbackPolicy(new Microsoft.AspNetCore.Authorization.AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
            },
            Use = static app =>
            {
                app.UseAuthentication();
                app.UseAuthorization();
            },
            Headers = { ["X-User"] = "alice" },
            Check = static async (_, http) => Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(http, "/text")),
        },
        ["WebSockets of the app"] = new()
        {
            Use = static app =>
            {
                app.UseWebSockets(new() { KeepAliveInterval = TimeSpan.FromMilliseconds(50) });
                app.Map("/raw", static async (HttpContext context) =>
                {
                    using var socket = await context.WebSockets.AcceptWebSocketAsync();
                    await socket.SendAsync("raw"u8.ToArray(), WebSocketMessageType.Text, true, context.RequestAborted);
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                });
            },
            Check = static async (node, http) =>
            {
                await using var client = await TestClient.ConnectAsync(
                    node.Address,
                    "/raw",
                    options => (options.HttpVersion, options.HttpVersionPolicy) = (http.DefaultRequestVersion, http.DefaultVersionPolicy),
                    readId: false);
                Assert.Equal("raw", await client.ReceiveTextAsync());
            },
        },
        ["SignalR"] = new()
        {
            Services = static services => services.AddSignalR(),
            Use = static app => app.MapHub<Hub>("/hub"),
            Check = static async (_, http) =>
            {
                using var response = await http.PostAsync("/hub/negotiate?negotiateVersion=1", null, Cancellation);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            },
        },
        ["method override"] = new()
        {
            Front = static app => app.UseHttpMethodOverride(),
            Headers = { ["X-HTTP-Method-Override"] = "POST" },
            Check = static async (_, http) =>
            {
                using var content = new StringContent("");
                content.Headers.Add("X-HTTP-Method-Override", "GET");
                using var response = await http.PostAsync("/text", content, Cancellation);
                Assert.Equal("text", await response.Content.ReadAsStringAsync(Cancellation));
            },
        },
        ["rewriting"] = new()
        {
            Front = static app => app.UseRewriter(new RewriteOptions().AddRewrite("^old/(.*)$", "$1", skipRemainingRules: true)),
            Path = "/old/chat",
            Check = static async (_, http) => Assert.Equal("text", await http.GetStringAsync("/old/text", Cancellation)),
        },
        ["path base"] = new()
        {
            Front = static app => app.UsePathBase("/base"),
            Path = "/base/chat",
            Check = static async (_, http) => Assert.Equal("text", await http.GetStringAsync("/base/text", Cancellation)),
        },
        ["a branch for other paths"] = new()
        {
            Front = static app => app.Map("/branch", static branch => branch.Run(static context => context.Response.WriteAsync("branch"))),
            Check = static async (_, http) => Assert.Equal("branch", await http.GetStringAsync("/branch", Cancellation)),
        },
        ["localization"] = new()
        {
            Use = static app => app.UseRequestLocalization(),
            Check = static async (_, http) => Assert.Equal("localized", await http.GetStringAsync("/culture", Cancellation)),
        },
        ["health checks"] = new()
        {
            Services = static services => services.AddHealthChecks(),
            Use = static app => app.UseHealthChecks("/health"),
            Check = static async (_, http) => Assert.Equal("Healthy", await http.GetStringAsync("/health", Cancellation)),
        },
        ["welcome page"] = new()
        {
            Use = static app => app.UseWelcomePage("/welcome"),
            Check = static async (_, http) => Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "/welcome")),
        },
        ["API descriptions"] = new()
        {
            Services = static services => services.AddEndpointsApiExplorer(),
            Check = static (node, _) =>
            {
                var described = node.Services.GetRequiredService<IApiDescriptionGroupCollectionProvider>().ApiDescriptionGroups.Items.SelectMany(static group => group.Items);
                Assert.Contains("text", described.Select(static api => api.RelativePath));
                Assert.DoesNotContain("chat", described.Select(static api => api.RelativePath));
                return Task.CompletedTask;
            },
        },
        ["client certificates from a proxy"] = new()
        {
            Services = static services => services.AddCertificateForwarding(static _ => { }),
            Use = static app => app.UseCertificateForwarding(),
            Check = static async (_, http) => Assert.Equal("text", await http.GetStringAsync("/text", Cancellation)),
        },
        ["bodies that the app buffers"] = new()
        {
            Use = static app => app.Use(static async (context, next) =>
            {
                context.Request.EnableBuffering();
                var body = context.Response.Body;
                using var buffer = new MemoryStream();
                context.Response.Body = buffer;
                await next(context);
                context.Response.Body = body;
                if (buffer.Length > 0)
                {
                    context.Response.Headers["X-Buffered"] = "yes";
                    await body.WriteAsync(buffer.ToArray(), Cancellation);
                }
            }),
            Check = static async (_, http) => Assert.True((await SendAsync(http, "/text")).Headers.Contains("X-Buffered")),
        },
        ["limits of Kestrel"] = new()
        {
            Services = static services => services.Configure<KestrelServerOptions>(static kestrel =>
            {
                kestrel.Limits.MaxRequestBodySize = 1_000;
                kestrel.Limits.MinRequestBodyDataRate = new(1_000_000, TimeSpan.FromSeconds(1.001));
                kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(1);
                kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1);
                kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(1);
            }),
            Outlast = SlowBodyIsRefusedAsync,
            Check = static async (_, http) =>
            {
                using var response = await http.PostAsync("/length", new ByteArrayContent(new byte[1_001]), Cancellation);
                Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
            },
        },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static void AddTimeouts(IServiceCollection services, TimeSpan timeout) =>
        services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new RequestTimeoutPolicy { Timeout = timeout });

    private static PhysicalFileProvider Files(params string[] names)
    {
        var directory = Directory.CreateTempSubdirectory("files-").FullName;
        foreach (var name in names)
        {
            File.WriteAllText(System.IO.Path.Combine(directory, name), "file");
        }

        return new(directory);
    }

    private static string ReadShared(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return new StreamReader(stream, Encoding.UTF8).ReadToEnd();
    }
}
