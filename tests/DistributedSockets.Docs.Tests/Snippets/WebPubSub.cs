using DistributedSockets.WebPubSub;

namespace DistributedSockets.Docs.Tests.Snippets.WebPubSub;

/// <summary>The code of <c>docs/web-pubsub.md</c>.</summary>
internal static class WebPubSubProgram
{
    public static void Add(WebApplicationBuilder builder)
    {
        // snippet: web-pubsub-add
        builder.Services.AddDistributedWebSockets()
            .UseRedis("localhost:6379")
            .AddWebPubSub(options =>
            {
                options.AccessKey = builder.Configuration["WebPubSub:AccessKey"];   // 32 random bytes in base64, say
                options.Hubs.Add("chat");
            });
        // end-snippet
    }

    public static void Map(WebApplication app)
    {
        // snippet: web-pubsub-map
        app.MapWebPubSub()
            .OnEvent<Question, Answer>("ask", async (question, context, cancellationToken) =>
                new(await Library.FindAsync(question.Text, cancellationToken)))     // the reply, as JSON
            .UseHandler<ChatEvents>("chat");
        // end-snippet
    }

    public static void AddUpstream(WebPubSubOptions options)
    {
        // snippet: web-pubsub-webhook
        options.Webhooks.Add(new() { Url = "https://upstream.example.com/{hub}/{event}", SystemEvents = { "connect", "disconnected" } });
        // end-snippet
    }
}

// snippet: web-pubsub-handler
internal sealed class ChatEvents : WebPubSubEventHandler
{
    public override ValueTask OnConnectAsync(WebPubSubConnectContext context, CancellationToken cancellationToken)
    {
        if (context.UserId is null)
        {
            context.Refuse(401, "Sign in first.");
            return ValueTask.CompletedTask;
        }

        context.Groups.Add("lobby");                                        // it is in there from the beginning
        context.Roles.Add("webpubsub.sendToGroup.lobby");
        return ValueTask.CompletedTask;
    }

    public override ValueTask OnEventAsync(WebPubSubEventContext context, CancellationToken cancellationToken)
    {
        var count = (int?)context.State["count"] ?? 0;                      // stays with the session, on whichever node it goes on
        context.State["count"] = count + 1;
        context.ReplyText($"{context.Name} is number {count + 1} of {context.UserId}");
        return ValueTask.CompletedTask;
    }
}
// end-snippet

internal sealed record Question(string Text);

internal sealed record Answer(string Text);

internal static class Library
{
    public static Task<string> FindAsync(string text, CancellationToken cancellationToken) => Task.FromResult(text).WaitAsync(cancellationToken);
}
