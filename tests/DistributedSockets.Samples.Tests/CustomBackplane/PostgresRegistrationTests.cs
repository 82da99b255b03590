using CustomBackplane;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Samples.Tests.CustomBackplane;

public sealed class PostgresRegistrationTests
{
    private const string Server = "Host=127.0.0.1;Port=1;Username=nobody;Password=secret";

    [Theory]
    [InlineData("", "ConnectionString")]
    [InlineData("Database=shop;Password=secret", "ConnectionString")]
    [InlineData("Hst=127.0.0.1;Password=secret", "ConnectionString")]
    [InlineData(Server, "OperationTimeout", 99)]
    [InlineData(Server, "OperationTimeout", 60_001)]
    public async Task Start_WrongOption_SaysWhichAndRepeatsNoSecret(string connectionString, string option, int milliseconds = 1_000)
    {
        using var host = Build(options => (options.ConnectionString, options.OperationTimeout) = (connectionString, TimeSpan.FromMilliseconds(milliseconds)));

        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.StartsWith(option, exception.Message);
        Assert.DoesNotContain("secret", exception.Message);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(60_000)]
    public async Task Start_ServerAway_StartsAllTheSame(int milliseconds)
    {
        using var host = Build(options => (options.ConnectionString, options.OperationTimeout) = (Server, TimeSpan.FromMilliseconds(milliseconds)));

        await host.StartAsync(TestContext.Current.CancellationToken);

        Assert.IsType<PostgresBackplane>(host.Services.GetRequiredService<IBackplane>());
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task UsePostgresBackplane_Twice_IsOneBackplaneWithBothSettings()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets()
            .UsePostgresBackplane(Server)
            .UsePostgresBackplane(options => options.OperationTimeout = TimeSpan.FromSeconds(7));
        await using var provider = services.BuildServiceProvider();

        Assert.IsType<PostgresBackplane>(Assert.Single(provider.GetServices<IBackplane>()));
        Assert.Equal((Server, TimeSpan.FromSeconds(7)), (Options().ConnectionString, Options().OperationTimeout));

        PostgresBackplaneOptions Options() => provider.GetRequiredService<IOptions<PostgresBackplaneOptions>>().Value;
    }

    private static IHost Build(Action<PostgresBackplaneOptions> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDistributedWebSockets().UsePostgresBackplane(configure);
        return builder.Build();
    }
}
