using System.Text;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Checks what the NATS options have in common. Never repeats an address, which may hold a password.</summary>
internal sealed class NatsConnectionOptionsValidator<TOptions> : IValidateOptions<TOptions>
    where TOptions : class, INatsConnectionOptions
{
    private static readonly TimeSpan MinTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromSeconds(60);

    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        var type = typeof(TOptions).Name;
        var given = (options.Url is null ? 0 : 1) + (options.Configuration is null ? 0 : 1) + (options.Connection is null ? 0 : 1);
        if (given != 1)
        {
            errors.AddError(given == 0
                ? $"{type} has no connection. Set one of Url, Configuration and Connection, such as UseNats(\"nats://nats.example.com:4222\")."
                : $"{type} has {given} connections. Set only one of Url, Configuration and Connection.");
        }

        if (options.Url is { } url && NatsUrls.Problem(url) is { } problem)
        {
            errors.AddError($"{type}.Url {problem}");
        }

        if (options.Configuration is { } configuration)
        {
            if (NatsUrls.Problem(configuration.Url) is { } problemOfCopy)
            {
                errors.AddError($"{type}.Configuration.Url {problemOfCopy}");
            }

            Check(errors, $"{type}.Configuration", configuration);
        }

        if (options.Connection?.Opts is { } opts)
        {
            Check(errors, $"{type}.Connection.Opts", opts);
        }

        if (options.OperationTimeout < MinTimeout || options.OperationTimeout > MaxTimeout)
        {
            errors.AddError($"{type}.OperationTimeout is {options.OperationTimeout}. Set it to between {MinTimeout} and {MaxTimeout}.");
        }

        return errors.Build();
    }

    /// <summary>Checks the settings of the client with which this cannot work.</summary>
    private static void Check(ValidateOptionsResultBuilder errors, string setting, NatsOpts opts)
    {
        if (!opts.Echo)
        {
            errors.AddError($"{setting}.Echo is off, so a node cannot tell whether its own messages arrive. Leave it on.");
        }

        if (!opts.Headers)
        {
            errors.AddError($"{setting}.Headers is off, and JetStream answers by headers. Leave it on.");
        }

        if (!IsAscii(opts.SubjectEncoding))
        {
            errors.AddError($"{setting}.SubjectEncoding is {opts.SubjectEncoding.WebName}, which no server reads. Leave it at UTF-8.");
        }

        if (!IsAscii(opts.HeaderEncoding))
        {
            errors.AddError($"{setting}.HeaderEncoding is {opts.HeaderEncoding.WebName}, which no server reads. Leave it at ASCII.");
        }

        if (string.IsNullOrEmpty(opts.InboxPrefix) || opts.InboxPrefix.Split('.').Any(static token => token is "" or "*" or ">" || token.Any(char.IsWhiteSpace)))
        {
            errors.AddError($"{setting}.InboxPrefix is no subject. Write words separated by dots, such as _INBOX or _INBOX.app, without spaces, * and >.");
        }

        Check(errors, $"{setting}.ConnectTimeout", opts.ConnectTimeout);
        Check(errors, $"{setting}.CommandTimeout", opts.CommandTimeout);
        Check(errors, $"{setting}.PingInterval", opts.PingInterval);
    }

    private static void Check(ValidateOptionsResultBuilder errors, string setting, TimeSpan value)
    {
        if (value < MinTimeout)
        {
            errors.AddError($"{setting} is {value}. Set it to at least {MinTimeout}.");
        }
    }

    /// <summary>Whether ASCII stays what it is.</summary>
    private static bool IsAscii(Encoding? encoding) => encoding is not null && encoding.GetBytes("a.b").AsSpan().SequenceEqual("a.b"u8);
}
