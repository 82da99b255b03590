using System.Globalization;
using System.Text;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>Checks the options at start. No message repeats a key.</summary>
internal sealed class WebPubSubOptionsValidator : IValidateOptions<WebPubSubOptions>
{
    private const int MinKeyBytes = 16;
    private const int MaxKeyBytes = 512;

    public ValidateOptionsResult Validate(string? name, WebPubSubOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        if (options.AccessKey is null)
        {
            errors.AddError("WebPubSubOptions.AccessKey is missing. Set it to the secret with which tokens are signed, such as 32 random bytes in base64.");
        }
        else
        {
            CheckKey(nameof(options.AccessKey), options.AccessKey, errors);
        }

        if (options.SecondaryAccessKey is { } secondary)
        {
            CheckKey(nameof(options.SecondaryAccessKey), secondary, errors);
        }

        CheckHubs(options.Hubs, errors);
        foreach (var origin in options.PublicOrigins)
        {
            if (!IsOrigin(origin))
            {
                errors.AddError($"WebPubSubOptions.PublicOrigins has '{origin}'. Write each as scheme and host, such as https://ws.example.com or http://localhost:8080.");
            }
        }

        foreach (var webhook in options.Webhooks)
        {
            if (webhook.Problem(options.Hubs) is { } problem)
            {
                errors.AddError($"One of WebPubSubOptions.Webhooks {problem}");
            }
        }

        CheckTime(nameof(options.RecoveryWindow), options.RecoveryWindow, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), errors);
        CheckTime(nameof(options.HandlerTimeout), options.HandlerTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5), errors);
        CheckNumber(nameof(options.MaxMessageBytes), options.MaxMessageBytes, 1_024, 16_777_216, errors);
        CheckNumber(nameof(options.MaxUnacknowledgedMessages), options.MaxUnacknowledgedMessages, 1, 100_000, errors);
        CheckNumber(nameof(options.MaxUnacknowledgedBytes), options.MaxUnacknowledgedBytes, 1_024, 1_073_741_824, errors);
        return errors.Build();
    }

    private static void CheckKey(string option, string key, ValidateOptionsResultBuilder errors)
    {
        var bytes = Encoding.UTF8.GetByteCount(key);
        if (bytes is < MinKeyBytes or > MaxKeyBytes)
        {
            errors.AddError($"WebPubSubOptions.{option} has {bytes} bytes. Use a secret of {MinKeyBytes} to {MaxKeyBytes} bytes, such as 32 random bytes in base64.");
        }
    }

    private static void CheckHubs(IList<string> hubs, ValidateOptionsResultBuilder errors)
    {
        if (hubs.Count == 0)
        {
            errors.AddError("WebPubSubOptions.Hubs is empty. Name each hub that clients may connect to.");
        }

        var known = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var hub in hubs)
        {
            if (!WebPubSubHub.CanBeServed(hub))
            {
                errors.AddError($"WebPubSubOptions.Hubs has '{hub}'. Use 1 to 64 letters, digits, dots or underscores, of which the first is a letter.");
            }
            else if (!known.Add(hub))
            {
                errors.AddError($"WebPubSubOptions.Hubs has '{hub}' twice. Case makes no difference: remove one of them.");
            }
        }
    }

    private static bool IsOrigin(string? origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" };

    private static void CheckTime(string option, TimeSpan value, TimeSpan min, TimeSpan max, ValidateOptionsResultBuilder errors)
    {
        if (value < min || value > max)
        {
            errors.AddError($"WebPubSubOptions.{option} is {value}. Set it to between {min} and {max}.");
        }
    }

    private static void CheckNumber(string option, int value, int min, int max, ValidateOptionsResultBuilder errors)
    {
        if (value < min || value > max)
        {
            errors.AddError(string.Create(CultureInfo.InvariantCulture, $"WebPubSubOptions.{option} is {value}. Set it to between {min} and {max}."));
        }
    }
}
