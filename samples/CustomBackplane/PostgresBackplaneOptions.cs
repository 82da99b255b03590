// snippet: extending-options
namespace CustomBackplane;

/// <summary>Settings of the PostgreSQL backplane. Read once, when it is created.</summary>
public sealed class PostgresBackplaneOptions
{
    /// <summary>Gets or sets the connection string, as Npgsql reads it.</summary>
    /// <value>There is no default: a wrong host must not look like an empty cluster.</value>
    public string? ConnectionString { get; set; }

    /// <summary>Gets or sets how long a publish and each attempt to connect may take.</summary>
    /// <value>The default is 1.5 seconds; 100 milliseconds to 60 seconds.</value>
    public TimeSpan OperationTimeout { get; set; } = TimeSpan.FromSeconds(1.5);
}
// end-snippet
