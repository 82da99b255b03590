// snippet: extending-registration
using CustomBackplane;
using DistributedSockets;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Uses PostgreSQL as the backplane.</summary>
public static class PostgresBuilderExtensions
{
    /// <summary>Uses PostgreSQL as the backplane. The last call wins.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">The connection string, as Npgsql reads it.</param>
    public static IDistributedWebSocketsBuilder UsePostgresBackplane(this IDistributedWebSocketsBuilder builder, string connectionString) =>
        builder.UsePostgresBackplane(options => options.ConnectionString = connectionString);

    /// <summary>Uses PostgreSQL as the backplane. The last call wins.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options; calls add up.</param>
    public static IDistributedWebSocketsBuilder UsePostgresBackplane(
        this IDistributedWebSocketsBuilder builder, Action<PostgresBackplaneOptions> configure)
    {
        builder.Services.AddOptionsWithValidateOnStart<PostgresBackplaneOptions, PostgresBackplaneOptionsValidator>().Configure(configure);
        return builder.UseBackplane<PostgresBackplane>();
    }
}
// end-snippet
