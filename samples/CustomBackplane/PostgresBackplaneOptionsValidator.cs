// snippet: extending-validator
using Microsoft.Extensions.Options;
using Npgsql;

namespace CustomBackplane;

/// <summary>Checks the settings at start. Never repeats the connection string, which may hold a password.</summary>
internal sealed class PostgresBackplaneOptionsValidator : IValidateOptions<PostgresBackplaneOptions>
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(60);

    public ValidateOptionsResult Validate(string? name, PostgresBackplaneOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        if (!NamesServer(options.ConnectionString))
        {
            errors.AddError("ConnectionString names no server, or cannot be read. Set it to such as Host=db.example.com;Database=shop;Username=shop.");
        }

        if (options.OperationTimeout < s_shortest || options.OperationTimeout > s_longest)
        {
            errors.AddError($"OperationTimeout is {options.OperationTimeout}. Set it to between {s_shortest} and {s_longest}.");
        }

        return errors.Build();
    }

    private static bool NamesServer(string? connectionString)
    {
        try
        {
            return !string.IsNullOrWhiteSpace(new NpgsqlConnectionStringBuilder(connectionString).Host);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
// end-snippet
