using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.DataProtection;

namespace DistributedSockets.Docs.Tests.Snippets.SigningIn;

internal static class SigningInProgram
{
    public static void Cookies(WebApplicationBuilder builder)
    {
        // snippet: signing-in-cookies
        builder.Services.AddAuthentication("cookie").AddCookie("cookie", options =>
        {
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.ExpireTimeSpan = TimeSpan.FromHours(8);
        });
        builder.Services.AddAuthorization();
        builder.Services.AddDistributedWebSockets(options => options.CloseOnAuthenticationExpiry = true);
        // end-snippet
    }

    public static void MapCookies(WebApplication app)
    {
        // snippet: signing-in-cookies-map
        app.MapPost("/sign-in", async (SignIn form, IAccounts accounts) => await accounts.CheckAsync(form.Name, form.Password) is { } id
            ? Results.SignIn(new ClaimsPrincipal(new ClaimsIdentity([new("sub", id), new("name", form.Name)], "password")), authenticationScheme: "cookie")
            : Results.Unauthorized());
        app.MapPost("/sign-out", async (HttpContext context, IUserIdProvider users, IWebSocketRouter<ChatHandler> router) =>
        {
            if (users.GetUserId(context) is { } user)
            {
                await router.DisconnectUserAsync(user, reason: "signed out");
            }

            return Results.SignOut(authenticationSchemes: ["cookie"]);
        }).RequireAuthorization();
        app.MapDistributedWebSocket<ChatHandler>("/chat").RequireAuthorization();
        // end-snippet
    }

    public static void Keys(WebApplicationBuilder builder)
    {
        // snippet: signing-in-keys
        builder.Services.AddDataProtection()
            .SetApplicationName("shop")                                             // the same on all nodes
            .PersistKeysToFileSystem(new DirectoryInfo(builder.Configuration["Keys"]!));    // a directory that all nodes share
        // end-snippet
    }

    public static void Tokens(WebApplicationBuilder builder)
    {
        // snippet: signing-in-tokens
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
        {
            options.Authority = builder.Configuration["Authority"];
            options.Audience = "chat";
            options.MapInboundClaims = false;                                       // "sub" keeps its name, and is the user
            options.Events = new JwtBearerEvents
            {
                OnMessageReceived = context =>
                {
                    if (context.Request.Path.StartsWithSegments("/chat"))
                    {
                        context.Token = context.Request.Query["access_token"];     // a browser can set no header here
                    }

                    return Task.CompletedTask;
                },
            };
        });
        builder.Services.AddAuthorization();
        builder.Services.AddDistributedWebSockets(options => options.CloseOnAuthenticationExpiry = true);

        // ASP.NET Core logs each request with its query, and so with the token.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);
        // end-snippet
    }

    public static void MapTokens(WebApplication app)
    {
        // snippet: signing-in-tokens-map
        app.MapDistributedWebSocket<ChatHandler>("/chat").RequireAuthorization();
        // end-snippet
    }

    public static void Tickets(WebApplicationBuilder builder)
    {
        // snippet: signing-in-tickets
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
            .AddJwtBearer(options =>
            {
                options.Authority = builder.Configuration["Authority"];
                options.Audience = "chat";
                options.MapInboundClaims = false;
            })
            .AddConnectionTickets();
        builder.Services.AddAuthorization();
        builder.Services.AddDistributedWebSockets();    // UseRedis or UseNats keeps the tickets for all nodes
        // end-snippet
    }

    public static void MapTickets(WebApplication app)
    {
        // snippet: signing-in-tickets-map
        app.MapConnectionTickets("/chat/ticket");                                   // POST, for whoever has signed in
        app.MapDistributedWebSocket<ChatHandler>("/chat").RequireConnectionTicket();
        // end-snippet
    }

    public static void OtherClaim(WebApplicationBuilder builder)
    {
        // snippet: signing-in-claim-use
        builder.Services.AddSingleton<IUserIdProvider, UserFromEmail>();
        // end-snippet
    }
}

// snippet: signing-in-claim
public sealed class UserFromEmail : IUserIdProvider
{
    public string? GetUserId(HttpContext context) => context.User.FindFirstValue("email");
}
// end-snippet

internal sealed record SignIn(string Name, string Password);

internal interface IAccounts
{
    Task<string?> CheckAsync(string name, string password);
}

internal sealed class ChatHandler : WebSocketHandler
{
    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) =>
        Connection.SendAsync($"{Connection.UserId}: {message.GetText()}", cancellationToken);
}
